"""Did the method act, and is the run healthy? From run folders alone, ours or imported (`steer diagnose`)."""
