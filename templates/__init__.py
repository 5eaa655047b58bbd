"""The templates of kscaffold: data, shipped as the package `scaffold.templates`."""
