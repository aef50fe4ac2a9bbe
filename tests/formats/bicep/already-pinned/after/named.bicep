param image string = 'redis@sha256:999cc74d61918d7f2ae94c784ea7a05a3b71b3ab9ad141c1c52fa76001b14e80'
resource app 'Microsoft.App/containerApps@2024-03-01' = {
  properties: {
    template: {
      containers: [
        {
          image: image
        }
      ]
    }
  }
}
