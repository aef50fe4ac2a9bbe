targetScope = 'resourceGroup'

@description('The image, such as evil:1, of ${app}')
param image string = 'mcr.microsoft.com/azuredocs/aci-helloworld:1.0' // the default
@allowed([
  'nginx:1'
  'nginx:2'
])
param limited string = 'nginx:1'
param either 'redis:7' | 'redis:8' = 'redis:7'
param unset string
param shared string = 'redis:7'
param site string = 'DOCKER|httpd:2.4@sha256:b1cd6d713ba2fedb02a9c941edf31dc5a24c972a9323f1f78b4bc9f338d65d10'
param runtime string = 'NODE|18-lts'
var tool = 'busybox:1.36@sha256:d55432289a2f69dad7e00346d00e8d4df4d0053a44dffb3f8cf463f6e3fb4b04'
var computed = '${unset}:1'
var script = $'''
it's image: 'evil:1' {
'''

/* resource x 'Microsoft.App/containerApps@2024-03-01' = { image: 'evil:1' } */
resource app 'Microsoft.App/containerApps@2024-03-01' = if (ready) {
  name: 'app-${image == 'evil:1' ? 'a' : '}'}'
  tags: { image: 'evil:1' }
  properties: {
    template: {
      containers: [
        { name: 'web', image: 'nginx:1.27@sha256:6965a10c15290ad0b29ca7fd1866de1850408b3cb15fb11a3bbbbc2fddb158bd' } // basebump: ignore
        {
          image: tool
          env: [ { name: 'image', value: 'x' } ]
        }
        {
          image: '${acr.properties.loginServer}/web:${shared}'
        }
        { image: empty(unset) ? 'nginx:1' : unset }
        { image: limited }
        { image: either }
        { image: unset }
        { image: shared }
        { image: computed }
        { image: other.image }
        { image: 'it\'s' }
        { image: '' }
      ]
      initContainers: [for name in names: {
        image: 'alpine:3.20@sha256:75be9c490b21b793193f47be0daf1e1ba283c3a002c8e84091e2c871cc49f219'
      }]
    }
  }
}

resource job 'microsoft.app/JOBS@2024-03-01' = {
  properties: {
    template: {
      containers: [
        {
          image: tool
        }
      ]
    }
  }
}

resource groups 'Microsoft.ContainerInstance/containerGroups@2023-05-01' = [for i in range(0, 3): {
  properties: {
    containers: [
      {
        image: 'evil:1'
        properties: {
          'image': 'wordpress:4.9-apache@sha256:4199f4940698d893f13a5c10b9d04b3313abcffa84a043362b5ad6130aaea4ce'
        }
      }
    ]
  }
}]

resource web 'Microsoft.Web/sites@2023-12-01' = {
  properties: {
    siteConfig: {
      linuxFxVersion: 'DOCKER|ghcr.io/acme/web:1@sha256:6da61f357be6ab6dea3a0d71968362ea11fe6dfc78103a34d1b16ebcbf3070be'
    }
  }
  resource config 'config@2023-12-01' = {
    name: 'web'
    properties: { linuxFxVersion: runtime }
  }
  resource slot 'slots' = {
    properties: { siteConfig: { linuxFxVersion: site } }
  }
  resource other 'slots' = {
    properties: { siteConfig: { linuxFxVersion: 'docker|${shared}' } }
  }
}

resource plan 'Microsoft.Web/serverfarms@2023-12-01' = {
  properties: { siteConfig: { linuxFxVersion: 'DOCKER|evil:1' } }
}

module nested 'app.bicep' = {
  params: { image: 'evil:1' }
}

output used string = shared
