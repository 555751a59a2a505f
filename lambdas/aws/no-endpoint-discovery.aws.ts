/**
 * Stands in for the SDK's endpoint discovery in the bundles. DynamoDB's own endpoints are all that we call, and discovery is
 * off unless somebody asks for it (AWS SDKs reference guide, "Endpoint discovery"); this leaves out its cache.
 */
export const NODE_ENDPOINT_DISCOVERY_CONFIG_OPTIONS = {
  environmentVariableSelector: () => undefined,
  configFileSelector: () => undefined,
  default: undefined,
}

export const resolveEndpointDiscoveryConfig = <T extends object>(config: T): T => config

export const getEndpointDiscoveryPlugin = () => ({ applyToStack: () => undefined })
