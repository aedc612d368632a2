"""The application: `streamlit run app.py`."""

from jv3search.ui.main import run

run()
