"""Scripts of the model, run where its commands run, with the conversation's tools at hand."""
