"""The methods of damage."""

from .random_init import kaiming_uniform

# name -> function(values, module, generator) that fills a float32 CPU tensor of two or more dimensions.
METHODS = {"kaiming_uniform": kaiming_uniform}
