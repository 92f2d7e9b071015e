"""The interactive figures (Plotly), one set for the dashboard, notebooks and pages: rows in, a
figure out.

Each series has its colour in `style.py`, the same on every figure and legible on light and on dark
ground; axes name their units. What is computed, is computed elsewhere. `figures.py` beside this
folder has the still pictures of the report and of the assets.
"""
