"""The record: writer process, client, store, checkpoints."""
