"""Captions to cocotalk.json and PREFIX_label.h5.

python utils/prepro_labels.py --input_json dataset_coco.json \
    --output_json data/cocotalk.json --output_h5 data/cocotalk
"""

import sys

from imcap.cli.parser import run_command
from imcap.cli.prepare import PrepareConfig, prepare

if __name__ == "__main__":
    sys.exit(run_command("prepro_labels", PrepareConfig, prepare))
