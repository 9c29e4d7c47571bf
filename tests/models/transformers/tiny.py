"""The smallest decoder, for tests of what is around a network."""

from jdistill.models import DecoderConfig

TINY = DecoderConfig(
    vocab=9, dim=4, depth=1, heads=1, kv_heads=1, head_dim=4, mlp_dim=8, max_steps=16
)
