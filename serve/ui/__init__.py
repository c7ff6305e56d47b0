"""The web page: static files and a small process that passes the API's requests on."""
