"""Legacy orders: how variables stood in checkpoints of version 0.1.0, as data.

A line is a layer's path and the names of its variables; {n} counts blocks,
all lines of block 0 before those of block 1. "encoder" is the picture
network, whose order is Keras' own. Not every model has every path.
Where a path changes, change it here in both tables; never move a line.
"""

STATE_ORDERS = {
    "Adaptive": """
scheduled_sampling_rate
seed_generator
captioner/hide seed_generator
captioner/global kernel bias
captioner/global_drop seed_generator
captioner/embedding embeddings
captioner/word_drop seed_generator
captioner/decoder/cell kernel recurrent_kernel bias
captioner/values kernel bias
captioner/value_drop seed_generator
captioner/attention/hidden kernel bias
captioner/attention/query kernel
captioner/attention/key kernel bias
captioner/attention/sentinel kernel bias
captioner/attention/sentinel_key kernel bias
captioner/attention/score kernel
captioner/attention/drop seed_generator
captioner/merge kernel bias
captioner/output_drop seed_generator
captioner/output kernel bias
encoder
""",
    "Att2in": """
scheduled_sampling_rate
seed_generator
captioner/values kernel bias
captioner/value_drop seed_generator
captioner/embedding embeddings
captioner/word_drop seed_generator
captioner/decoder recurrent_kernel
captioner/decoder/word_gates kernel bias
captioner/decoder/value_gates kernel bias
captioner/decoder/attention/query kernel
captioner/decoder/attention/key kernel bias
captioner/decoder/attention/score kernel
captioner/output_drop seed_generator
captioner/output kernel bias
encoder
""",
    "RelationTransformer": """
scheduled_sampling_rate
seed_generator
captioner/features_embedded kernel bias
captioner/feature_drop seed_generator
captioner/encoder/block_{n}/attention/query kernel bias
captioner/encoder/block_{n}/attention/key kernel
captioner/encoder/block_{n}/attention/value kernel bias
captioner/encoder/block_{n}/attention/outer kernel bias
captioner/encoder/block_{n}/attention/drop seed_generator
captioner/encoder/block_{n}/forward/hidden kernel bias
captioner/encoder/block_{n}/forward/drop seed_generator
captioner/encoder/block_{n}/forward/outer kernel bias
captioner/encoder/block_{n}/bias/dense kernel bias
captioner/encoder/block_{n}/norm_0 gamma beta
captioner/encoder/block_{n}/norm_1 gamma beta
captioner/encoder/block_{n}/drop seed_generator
captioner/encoder/last_norm gamma beta
captioner/decoder/words/embedding embeddings
captioner/decoder/words/drop seed_generator
captioner/decoder/block_{n}/attention/query kernel bias
captioner/decoder/block_{n}/attention/key kernel
captioner/decoder/block_{n}/attention/value kernel bias
captioner/decoder/block_{n}/attention/outer kernel bias
captioner/decoder/block_{n}/attention/drop seed_generator
captioner/decoder/block_{n}/cross/query kernel bias
captioner/decoder/block_{n}/cross/key kernel
captioner/decoder/block_{n}/cross/value kernel bias
captioner/decoder/block_{n}/cross/outer kernel bias
captioner/decoder/block_{n}/cross/drop seed_generator
captioner/decoder/block_{n}/forward/hidden kernel bias
captioner/decoder/block_{n}/forward/drop seed_generator
captioner/decoder/block_{n}/forward/outer kernel bias
captioner/decoder/block_{n}/norm_0 gamma beta
captioner/decoder/block_{n}/norm_1 gamma beta
captioner/decoder/block_{n}/norm_2 gamma beta
captioner/decoder/block_{n}/drop seed_generator
captioner/decoder/last_norm gamma beta
captioner/output kernel bias
encoder
""",
    "ScaCnn": """
scheduled_sampling_rate
seed_generator
captioner/start kernel bias
captioner/embedding embeddings
captioner/decoder recurrent_kernel
captioner/decoder/word_gates kernel bias
captioner/decoder/context_gates kernel
captioner/decoder/selector kernel bias
captioner/decoder/map_1/channel key_kernel score_kernel
captioner/decoder/map_1/channel/query kernel bias
captioner/decoder/map_1/spatial/query kernel
captioner/decoder/map_1/spatial/key kernel bias
captioner/decoder/map_1/spatial/score kernel
captioner/decoder/map_2/channel key_kernel score_kernel
captioner/decoder/map_2/channel/query kernel bias
captioner/decoder/map_2/spatial/query kernel
captioner/decoder/map_2/spatial/key kernel bias
captioner/decoder/map_2/spatial/score kernel
captioner/decoder/network_1 kernel_0 kernel_2 bias_0 norm_1_gamma norm_1_beta
captioner/decoder/network_1 norm_1_moving_mean norm_1_moving_variance
captioner/decoder/network_1 norm_3_gamma norm_3_beta norm_3_moving_mean
captioner/decoder/network_1 norm_3_moving_variance
captioner/hidden kernel bias
captioner/context kernel
captioner/hidden_drop seed_generator
captioner/output_drop seed_generator
captioner/output kernel bias
encoder
""",
    "Scan": """
regions direction length kernel bias
embedding embeddings
gru forward_{n}_kernel forward_{n}_recurrent_kernel forward_{n}_bias
gru forward_{n}_recurrent_bias backward_{n}_kernel
gru backward_{n}_recurrent_kernel backward_{n}_bias
gru backward_{n}_recurrent_bias
""",
    "ShowAttendTell": """
scheduled_sampling_rate
seed_generator
captioner/norm gamma beta moving_mean moving_variance
captioner/start kernel bias
captioner/embedding embeddings
captioner/decoder recurrent_kernel
captioner/decoder/word_gates kernel bias
captioner/decoder/value_gates kernel
captioner/decoder/attention/query kernel
captioner/decoder/attention/key kernel bias
captioner/decoder/attention/score kernel
captioner/decoder/selector kernel bias
captioner/context kernel
captioner/hidden kernel bias
captioner/hidden_drop seed_generator
captioner/output_drop seed_generator
captioner/output kernel bias
captioner/draws_0 seed_generator
captioner/hard_attention baseline
encoder
""",
    "SpatialTransformer": """
scheduled_sampling_rate
seed_generator
captioner/features_embedded kernel bias
captioner/feature_drop seed_generator
captioner/located/of_rows kernel bias
captioner/located/of_columns kernel bias
captioner/located/of_features kernel bias
captioner/located/drop seed_generator
captioner/located/hidden kernel bias
captioner/located/outer kernel bias
captioner/located/of_cells kernel bias
captioner/encoder/block_{n}/attention/query kernel bias
captioner/encoder/block_{n}/attention/key kernel
captioner/encoder/block_{n}/attention/value kernel bias
captioner/encoder/block_{n}/attention/outer kernel bias
captioner/encoder/block_{n}/attention/drop seed_generator
captioner/encoder/block_{n}/forward/hidden kernel bias
captioner/encoder/block_{n}/forward/drop seed_generator
captioner/encoder/block_{n}/forward/outer kernel bias
captioner/encoder/block_{n}/norm_0 gamma beta
captioner/encoder/block_{n}/norm_1 gamma beta
captioner/encoder/block_{n}/norm_0 scale
captioner/encoder/block_{n}/norm_1 scale
captioner/encoder/block_{n}/drop seed_generator
captioner/encoder/last_norm gamma beta scale
captioner/decoder/words/embedding embeddings
captioner/decoder/words/drop seed_generator
captioner/decoder/block_{n}/attention/query kernel bias
captioner/decoder/block_{n}/attention/key kernel
captioner/decoder/block_{n}/attention/value kernel bias
captioner/decoder/block_{n}/attention/outer kernel bias
captioner/decoder/block_{n}/attention/drop seed_generator
captioner/decoder/block_{n}/cross pair_kernel pair_bias score_kernel seeds
captioner/decoder/block_{n}/cross/query/dense kernel bias
captioner/decoder/block_{n}/cross/query/norm gamma beta
captioner/decoder/block_{n}/cross/key/dense kernel bias
captioner/decoder/block_{n}/cross/key/norm gamma beta
captioner/decoder/block_{n}/cross/second/dense kernel bias
captioner/decoder/block_{n}/cross/second/norm gamma beta
captioner/decoder/block_{n}/cross/value/dense kernel bias
captioner/decoder/block_{n}/cross/value/norm gamma beta
captioner/decoder/block_{n}/cross/gate kernel bias
captioner/decoder/block_{n}/cross/query kernel bias
captioner/decoder/block_{n}/cross/key kernel
captioner/decoder/block_{n}/cross/value kernel bias
captioner/decoder/block_{n}/cross/outer kernel bias
captioner/decoder/block_{n}/cross/drop seed_generator
captioner/decoder/block_{n}/forward/hidden kernel bias
captioner/decoder/block_{n}/forward/drop seed_generator
captioner/decoder/block_{n}/forward/outer kernel bias
captioner/decoder/block_{n}/norm_0 gamma beta
captioner/decoder/block_{n}/norm_1 gamma beta
captioner/decoder/block_{n}/norm_2 gamma beta
captioner/decoder/block_{n}/norm_0 scale
captioner/decoder/block_{n}/norm_1 scale
captioner/decoder/block_{n}/norm_2 scale
captioner/decoder/block_{n}/drop seed_generator
captioner/decoder/last_norm gamma beta scale
captioner/output kernel bias
encoder
""",
    "UpDown": """
scheduled_sampling_rate
seed_generator
captioner/values kernel bias
captioner/value_drop seed_generator
captioner/embedding embeddings
captioner/word_drop seed_generator
captioner/decoder attention_recurrent language_recurrent
captioner/decoder/word_gates kernel bias
captioner/decoder/image_gates kernel
captioner/decoder/language_gates kernel
captioner/decoder/value_gates kernel bias
captioner/decoder/attended_gates kernel
captioner/decoder/attention/query kernel
captioner/decoder/attention/key kernel bias
captioner/decoder/attention/score kernel
captioner/output_drop seed_generator
captioner/output kernel bias
encoder
""",
}

WEIGHTS_ORDERS = {
    "Adaptive": """
captioner/attention/hidden kernel bias
captioner/attention/query kernel
captioner/attention/score kernel
captioner/attention/sentinel kernel bias
captioner/attention/sentinel_key kernel bias
captioner/embedding embeddings
captioner/global kernel bias
captioner/values kernel bias
captioner/attention/key kernel bias
captioner/merge kernel bias
captioner/output kernel bias
captioner/decoder/cell kernel recurrent_kernel bias
encoder
scheduled_sampling_rate
""",
    "Att2in": """
captioner/decoder/attention/key kernel bias
captioner/decoder/attention/query kernel
captioner/decoder/attention/score kernel
captioner/decoder/value_gates kernel bias
captioner/decoder recurrent_kernel
captioner/decoder/word_gates kernel bias
captioner/embedding embeddings
captioner/values kernel bias
captioner/output kernel bias
encoder
scheduled_sampling_rate
""",
    "RelationTransformer": """
captioner/features_embedded kernel bias
captioner/output kernel bias
captioner/decoder/block_{n}/attention/key kernel
captioner/decoder/block_{n}/attention/outer kernel bias
captioner/decoder/block_{n}/attention/query kernel bias
captioner/decoder/block_{n}/attention/value kernel bias
captioner/decoder/block_{n}/cross/key kernel
captioner/decoder/block_{n}/cross/outer kernel bias
captioner/decoder/block_{n}/cross/query kernel bias
captioner/decoder/block_{n}/cross/value kernel bias
captioner/decoder/block_{n}/forward/hidden kernel bias
captioner/decoder/block_{n}/forward/outer kernel bias
captioner/decoder/block_{n}/norm_0 gamma beta
captioner/decoder/block_{n}/norm_1 gamma beta
captioner/decoder/block_{n}/norm_2 gamma beta
captioner/decoder/words/embedding embeddings
captioner/decoder/last_norm gamma beta
captioner/encoder/block_{n}/attention/key kernel
captioner/encoder/block_{n}/attention/outer kernel bias
captioner/encoder/block_{n}/attention/query kernel bias
captioner/encoder/block_{n}/attention/value kernel bias
captioner/encoder/block_{n}/bias/dense kernel bias
captioner/encoder/block_{n}/forward/hidden kernel bias
captioner/encoder/block_{n}/forward/outer kernel bias
captioner/encoder/block_{n}/norm_0 gamma beta
captioner/encoder/block_{n}/norm_1 gamma beta
captioner/encoder/last_norm gamma beta
encoder
scheduled_sampling_rate
""",
    "ScaCnn": """
captioner/embedding embeddings
captioner/start kernel bias
captioner/hidden kernel bias
captioner/context kernel
captioner/output kernel bias
captioner/decoder/context_gates kernel
captioner/decoder/selector kernel bias
captioner/decoder/map_1/channel/query kernel bias
captioner/decoder/map_1/channel key_kernel score_kernel
captioner/decoder/map_1/spatial/key kernel bias
captioner/decoder/map_1/spatial/query kernel
captioner/decoder/map_1/spatial/score kernel
captioner/decoder/map_2/channel/query kernel bias
captioner/decoder/map_2/channel key_kernel score_kernel
captioner/decoder/map_2/spatial/key kernel bias
captioner/decoder/map_2/spatial/query kernel
captioner/decoder/map_2/spatial/score kernel
captioner/decoder recurrent_kernel
captioner/decoder/word_gates kernel bias
captioner/decoder/network_1 kernel_0 kernel_2 bias_0 norm_1_gamma norm_1_beta
captioner/decoder/network_1 norm_1_moving_mean norm_1_moving_variance
captioner/decoder/network_1 norm_3_gamma norm_3_beta norm_3_moving_mean
captioner/decoder/network_1 norm_3_moving_variance
encoder
scheduled_sampling_rate
""",
    "ScaCnn S": """
captioner/embedding embeddings
captioner/decoder/map_1/spatial/key kernel bias
captioner/start kernel bias
captioner/hidden kernel bias
captioner/context kernel
captioner/output kernel bias
captioner/decoder/context_gates kernel
captioner/decoder/selector kernel bias
captioner/decoder/map_1/channel/query kernel bias
captioner/decoder/map_1/channel key_kernel score_kernel
captioner/decoder/map_1/spatial/query kernel
captioner/decoder/map_1/spatial/score kernel
captioner/decoder/map_2/channel/query kernel bias
captioner/decoder/map_2/channel key_kernel score_kernel
captioner/decoder/map_2/spatial/key kernel bias
captioner/decoder/map_2/spatial/query kernel
captioner/decoder/map_2/spatial/score kernel
captioner/decoder recurrent_kernel
captioner/decoder/word_gates kernel bias
captioner/decoder/network_1 kernel_0 kernel_2 bias_0 norm_1_gamma norm_1_beta
captioner/decoder/network_1 norm_1_moving_mean norm_1_moving_variance
captioner/decoder/network_1 norm_3_gamma norm_3_beta norm_3_moving_mean
captioner/decoder/network_1 norm_3_moving_variance
encoder
scheduled_sampling_rate
""",
    "Scan": """
gru forward_{n}_kernel forward_{n}_recurrent_kernel forward_{n}_bias
gru forward_{n}_recurrent_bias backward_{n}_kernel
gru backward_{n}_recurrent_kernel backward_{n}_bias
gru backward_{n}_recurrent_bias
embedding embeddings
regions direction length kernel bias
""",
    "ShowAttendTell": """
captioner/decoder/attention/key kernel bias
captioner/decoder/attention/query kernel
captioner/decoder/attention/score kernel
captioner/decoder/selector kernel bias
captioner/decoder/value_gates kernel
captioner/decoder recurrent_kernel
captioner/decoder/word_gates kernel bias
captioner/embedding embeddings
captioner/norm gamma beta moving_mean moving_variance
captioner/hard_attention baseline
captioner/start kernel bias
captioner/context kernel
captioner/hidden kernel bias
captioner/output kernel bias
encoder
scheduled_sampling_rate
""",
    "SpatialTransformer": """
captioner/located/of_columns kernel bias
captioner/located/of_features kernel bias
captioner/located/of_rows kernel bias
captioner/located/hidden kernel bias
captioner/located/outer kernel bias
captioner/located/of_cells kernel bias
captioner/features_embedded kernel bias
captioner/output kernel bias
captioner/decoder/block_{n}/attention/key kernel
captioner/decoder/block_{n}/attention/outer kernel bias
captioner/decoder/block_{n}/attention/query kernel bias
captioner/decoder/block_{n}/attention/value kernel bias
captioner/decoder/block_{n}/cross/gate kernel bias
captioner/decoder/block_{n}/cross/key/dense kernel bias
captioner/decoder/block_{n}/cross/key/norm gamma beta
captioner/decoder/block_{n}/cross/query/dense kernel bias
captioner/decoder/block_{n}/cross/query/norm gamma beta
captioner/decoder/block_{n}/cross/second/dense kernel bias
captioner/decoder/block_{n}/cross/second/norm gamma beta
captioner/decoder/block_{n}/cross/value/dense kernel bias
captioner/decoder/block_{n}/cross/value/norm gamma beta
captioner/decoder/block_{n}/cross pair_kernel pair_bias score_kernel
captioner/decoder/block_{n}/cross/key kernel
captioner/decoder/block_{n}/cross/outer kernel bias
captioner/decoder/block_{n}/cross/query kernel bias
captioner/decoder/block_{n}/cross/value kernel bias
captioner/decoder/block_{n}/forward/hidden kernel bias
captioner/decoder/block_{n}/forward/outer kernel bias
captioner/decoder/block_{n}/norm_0 gamma beta
captioner/decoder/block_{n}/norm_1 gamma beta
captioner/decoder/block_{n}/norm_2 gamma beta
captioner/decoder/block_{n}/norm_0 scale
captioner/decoder/block_{n}/norm_1 scale
captioner/decoder/block_{n}/norm_2 scale
captioner/decoder/words/embedding embeddings
captioner/decoder/last_norm gamma beta scale
captioner/encoder/block_{n}/attention/key kernel
captioner/encoder/block_{n}/attention/outer kernel bias
captioner/encoder/block_{n}/attention/query kernel bias
captioner/encoder/block_{n}/attention/value kernel bias
captioner/encoder/block_{n}/forward/hidden kernel bias
captioner/encoder/block_{n}/forward/outer kernel bias
captioner/encoder/block_{n}/norm_0 gamma beta
captioner/encoder/block_{n}/norm_1 gamma beta
captioner/encoder/block_{n}/norm_0 scale
captioner/encoder/block_{n}/norm_1 scale
captioner/encoder/last_norm gamma beta scale
encoder
scheduled_sampling_rate
""",
    "UpDown": """
captioner/embedding embeddings
captioner/values kernel bias
captioner/output kernel bias
captioner/decoder/attended_gates kernel
captioner/decoder/attention/key kernel bias
captioner/decoder/attention/query kernel
captioner/decoder/attention/score kernel
captioner/decoder/image_gates kernel
captioner/decoder/language_gates kernel
captioner/decoder/value_gates kernel bias
captioner/decoder attention_recurrent language_recurrent
captioner/decoder/word_gates kernel bias
encoder
scheduled_sampling_rate
""",
}
