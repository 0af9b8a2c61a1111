"""One file per thing the product does; core and ports only."""
