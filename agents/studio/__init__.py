"""The studio: a page in the browser where a person draws with an S-agent.

Everything that a click does is plain Python. The modules `page`, `tab_*` and `server` lay it out
with gradio, and are imported when the studio is opened.
"""
