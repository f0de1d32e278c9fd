"""What a checkpoint's head is for, told from the name of its class."""

import re

OTHER_HEADS = re.compile(r"For(MaskedLM|PreTraining|QuestionAnswering|\w*Classification)$")


def has_other_head(architecture: str) -> bool:
    """Whether a class (`LlamaForSequenceClassification`) predicts something else than the next token.

    As a causal language model, transformers would give such a checkpoint a fresh head with random weights.
    """
    return OTHER_HEADS.search(architecture) is not None
