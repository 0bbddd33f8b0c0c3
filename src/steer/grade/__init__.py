"""Grade stored responses without generating again."""
