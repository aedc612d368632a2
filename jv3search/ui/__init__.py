"""The Streamlit application: pages over the same calls as the command line."""
