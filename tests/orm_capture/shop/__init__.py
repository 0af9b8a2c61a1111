"""A Django app of models that only the capture of its statements uses."""
