"""`steer diagnose`: does the method act, and is the run healthy? Reads only run folders, ours or imported."""
