"""One file per forge: verbs without judgement."""
