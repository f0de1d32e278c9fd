"""Text that a model writes after prompts, a token at a time: keys and values are kept, no prompt is padded.

Texts begin together at their first token. Once the shortest prompt is read, each step gives every text one token more: the
next of its own prompt, while there is one, and then the token that was chosen. So no architecture has to be told of padding,
and a text does not depend on those beside it.
"""

from collections.abc import Callable, Collection, Sequence
from itertools import count

import torch
from tqdm import tqdm
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from workflow_scripts.evaluation.head import logits_of

Choose = Callable[[torch.Tensor], torch.Tensor]
"""From logits [texts, vocabulary] to a token int64 [texts] of each."""


@torch.no_grad()
def continuations(
    model: PreTrainedModel,
    prompts: Sequence[Sequence[int]],
    lengths: Sequence[int],
    choose: Choose,
    bar: tqdm,
    ends: Collection[int] = (),
    together: bool = True,
) -> list[list[int]]:
    """The tokens after each prompt: `lengths[i]` after the i-th at most, the last of them the first that is in `ends`.

    Logits are computed of the last token alone. `bar` counts the tokens. Unless texts may go `together`, see
    `evaluation.batching`, there must be one prompt, and its text goes through the model as a whole for every token.
    """
    ends = set(ends)

    def is_over(text: list[int], length: int) -> bool:
        return len(text) == length or not ends.isdisjoint(text[-1:])

    read = min(map(len, prompts))
    step, past = torch.tensor([list(prompt[:read]) for prompt in prompts]), None
    texts: list[list[int]] = [[] for _ in prompts]
    for place in count(read):
        output = model.base_model(input_ids=step.to(model.device), past_key_values=past, use_cache=together)
        past = output.past_key_values if together else None
        tokens = choose(logits_of(model, output.last_hidden_state[:, -1])).tolist()
        for row, (prompt, text, length) in enumerate(zip(prompts, texts, lengths, strict=True)):
            if place < len(prompt):
                tokens[row] = prompt[place]
            elif not is_over(text, length):
                text.append(tokens[row])
                bar.update()
        if all(map(is_over, texts, lengths)):
            return texts
        following = torch.tensor(tokens)[:, None]
        step = following if together else torch.cat([step, following], 1)


def ends_of(tokenizer: PreTrainedTokenizerBase) -> set[int]:
    """Tokens after which a text is over: EOS and all other special ones."""
    return {number for number, token in tokenizer.added_tokens_decoder.items() if token.special}


def greedy(logits: torch.Tensor) -> torch.Tensor:
    """The likeliest token int64 [texts] of each row of `logits` [texts, vocabulary].

    Raises:
        ArithmeticError: a logit is not a number.
    """
    if logits.isnan().any():
        raise ArithmeticError("A logit is not a number: use compute.dtype float32 or bfloat16.")
    return logits.argmax(-1)


def write_greedily(
    model: PreTrainedModel, prompts: Sequence[Sequence[int]], tokens: int, ends: Collection[int], batch: int
) -> list[list[int]]:
    """The likeliest continuation of every prompt, in the order given: `tokens` at most, the first of `ends` included.

    Args:
        model: the model.
        prompts: token ids of each prompt, the start token among them.
        tokens: tokens to write after a prompt at most.
        ends: tokens after which a text is over.
        batch: prompts at a time; 0 for one by one, and none going on from kept keys and values.
    """
    together, batch = batch > 0, max(1, batch)
    # Prompts of similar length go together, so that few wait for the rest of a longer one.
    queue = sorted(range(len(prompts)), key=lambda number: len(prompts[number]))
    written: dict[int, list[int]] = {}
    with tqdm(total=tokens * len(prompts), desc="tokens", unit="token", disable=None) as bar:
        for start in range(0, len(queue), batch):
            members = queue[start : start + batch]
            chosen = [prompts[number] for number in members]
            written |= zip(
                members, continuations(model, chosen, [tokens] * len(members), greedy, bar, ends, together), strict=True
            )
    return [written[number] for number in range(len(prompts))]
