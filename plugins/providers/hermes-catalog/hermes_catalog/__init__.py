"""What models can do and cost: context, output limit, prices, modalities."""
