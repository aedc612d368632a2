"""Readers: one file format a module, behind one door that runs them in a killable child."""
