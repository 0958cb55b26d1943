"""A Salesforce organisation on loopback: server, store and generator."""
