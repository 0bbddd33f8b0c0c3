"""`steer import`: convert logs of runs made elsewhere into run folders with our names and units."""
