"""The forge `azure`: repositories on Azure DevOps Services and Azure DevOps Server."""
