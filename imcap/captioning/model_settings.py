"""Settings of captioners: what makes each what it is."""

import dataclasses

from imcap.options import option


@dataclasses.dataclass(frozen=True)
class CaptionerConfig:
    """Options of all captioners; each takes those that it knows."""

    caption_model: str = option(
        "adaptive",
        "captioner: adaptive, show_attend_tell, up_down, att2in, sca_cnn, "
        "spatial_transformer (or spatial_pe), transformer, "
        "relation_transformer",
        heading="The captioner",
    )
    sgate: bool = option(False, "adaptive attention: a visual sentinel")
    lstm: bool = option(False, "no attention")
    sentinel_dropout: float = option(
        0.0, "share of words that in training must look at the picture"
    )
    global_features: bool = option(
        True, "give the LSTM the mean of the features at every word"
    )
    lstm_dim: int = option(512, "width of the LSTM", "rnn_size", "hidden_size")
    emb_dim: int = option(
        512, "width of word embeddings", "input_encoding_size",
        "embedding_size",
    )  # fmt: skip
    z_dim: int = option(512, "width of attention", "att_hid_size")
    dr: bool = option(True, "dropout in training")
    dr_ratio: float = option(0.5, "share dropped", "drop_prob_lm", "dropout")
    location_dropout: float = option(
        0.0, "share of locations hidden in training"
    )
    recurrent_activation: str = option(
        "sigmoid", "gates", choices=("sigmoid", "hard_sigmoid")
    )
    img_feat_size: int = option(
        0, "width the features must have; 0: any", "att_feat_size"
    )

    use_selector: bool = option(
        True,
        "the gate on what was seen",
        heading="Show, Attend and Tell",
    )
    score_activation: str = option(
        "tanh", "of the attention score", choices=("tanh", "relu")
    )
    initial_state: str = option(
        "linear", "first state from the mean feature", choices=("linear", "mlp")
    )
    deep_output: str = option(
        "linear", "before the output layer", choices=("linear", "tanh")
    )
    alpha_c: float = option(
        1.0,
        "weight of the doubly stochastic penalty, measured against "
        "--loss_reduction caption; 0: none",
    )
    hard_attention: bool = option(
        False, "train with drawn locations and REINFORCE"
    )

    num_layers: int = option(
        6,
        "encoder and decoder layers",
        heading="Transformers",
    )
    ff_size: int = option(2048, "width of feed-forward layers")
    heads: int = option(8, "attention heads")
    embed_dropout: float = option(0.5, "share dropped of embedded features")
    norm: str = option(
        "layer", "normalisation in blocks", choices=("layer", "RMS")
    )
    ff_activation: str = option(
        "RELU", "of feed-forward layers", choices=("RELU", "GELU")
    )
    cross_attn: str = option(
        "xlinear",
        "attention to the picture",
        choices=("xlinear", "dot-product"),
    )
    enc_pos_embedding: bool = option(
        True, "learn how locations are encoded; False: sinusoids"
    )
    enc_pos_type: str = option(
        "gxg", "encoding of locations", choices=("gxg", "g2", "box-coord")
    )
    num_grids: int = option(144, "cells that locations are measured in")

    network: str = option(
        "mobilenetv2",
        "CNN that is attended in",
        choices=("mobilenetv2", "vgg19", "resnet152"),
        heading="SCA-CNN",
    )
    attention_order: str = option(
        "C-S",
        "channels before space, or else",
        choices=("C-S", "S-C", "C", "S"),
    )
    attended_layers: int = option(
        2, "attended maps of --network: 2, or 1, the last alone"
    )
    selector: bool = option(False, "a scalar gate on what the LSTM is told")
    prev2out: bool = option(True, "the output layer reads the last word")
    ctx2out: bool = option(False, "the output layer reads what was seen")
    alpha_1_c: float = option(
        0.0,
        "weight of the penalty on where the first attended map was looked at",
    )
    alpha_2_c: float = option(0.0, "the same for the second map")
    beta_1_c: float = option(
        0.0, "weight of the penalty on channels of the first map"
    )
    beta_2_c: float = option(0.0, "the same for the second map")
