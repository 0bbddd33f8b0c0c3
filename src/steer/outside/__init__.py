"""Runs made elsewhere: their logs as run folders with our names and units (`steer import`)."""
