"""Hiding tokens of a text, as masked language models learn it."""

IGNORED = -100  # the label of a token that is neither learnt nor scored
RANDOM, KEPT = 0.1, 0.1  # shares of the chosen tokens; the rest becomes the mask
NEVER = 2.0  # the chance of a special token, above any share


def mask_tokens(ids, tokenizer, share, generator):
    """Hides tokens as BERT does (Devlin et al. 2019, arXiv 1810.04805, section 3.1).

    Of the chosen tokens 80% become the mask, 10% a random token, and 10% stay as they are; special tokens are never
    chosen, and one token at least is, where there is any other.

    Args:
        ids: token ids (batch, tokens), on the CPU.
        tokenizer: has ``mask_token_id`` and special tokens.
        share: probability of each token to be chosen.
        generator: a `torch.Generator`.

    Returns:
        tuple: ids (batch, tokens), and labels: the original id of each chosen token, -100 elsewhere.
    """
    import torch  # reports look at types of task, and need none

    ids, labels = ids.clone(), ids.clone()
    chance, kind = torch.rand(ids.shape, generator=generator), torch.rand(ids.shape, generator=generator)
    other = torch.randint(len(tokenizer), ids.shape, generator=generator)
    chance[torch.isin(ids, torch.tensor(sorted(never_hidden(tokenizer))))] = NEVER
    chosen = chance < share
    chosen = chosen if chosen.any() else (chance == chance.min()) & (chance < NEVER)  # else there would be no loss
    labels[~chosen] = IGNORED
    ids[chosen & (kind >= RANDOM + KEPT)] = tokenizer.mask_token_id
    replaced = chosen & (kind < RANDOM)
    ids[replaced] = other[replaced]
    return ids, labels


def never_hidden(tokenizer):
    """The ids of special tokens but the unknown one, which stands for a word: a set."""
    return set(tokenizer.all_special_ids) - {tokenizer.unk_token_id}
