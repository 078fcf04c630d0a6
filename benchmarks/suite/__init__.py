"""The pages and pictures of the suite, made from the plays of the references."""
