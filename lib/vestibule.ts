import { type App, CfnOutput, type Stack, type StackProps } from 'aws-cdk-lib'
import type { Bundles } from './bundles.ts'
import type { DeployConfig } from './config.ts'
import { ControlPlaneStack } from './stacks/control-plane.ts'
import { DataStack } from './stacks/data.ts'
import { EDGE_REGION, EdgeStack } from './stacks/edge.ts'
import { NetworkStack } from './stacks/network.ts'
import { ObservabilityStack } from './stacks/observability.ts'
import { WebStack } from './stacks/web.ts'

/** What the operator's commands need to know; they read it from the file that a deploy writes. */
const tellOperator = (stack: Stack, values: Record<string, string>): void => {
  for (const [name, value] of Object.entries(values)) new CfnOutput(stack, name, { value })
}

/** All stacks of one stage, in the order in which they are deployed. */
export const createStacks = (app: App, config: DeployConfig, version: string, bundles: Bundles) => {
  const named = (name: string): StackProps => ({
    stackName: `vestibule-${config.stage}-${name}`,
    ...(config.region === undefined ? {} : { env: { region: config.region } }),
  })
  const edge = new EdgeStack(app, 'VestibuleEdge', { ...named('edge'), env: { region: EDGE_REGION } })
  const data = new DataStack(app, 'VestibuleData', { ...named('data'), config })
  const network = new NetworkStack(app, 'VestibuleNetwork', { ...named('network'), data, config })
  const web = new WebStack(app, 'VestibuleWeb', { ...named('web'), data, config, edgeStackName: edge.stackName })
  web.addStackDependency(edge)
  const controlPlane = new ControlPlaneStack(app, 'VestibuleControlPlane', {
    ...named('control-plane'),
    ...{ data, network, web, config, version, bundles },
  })
  const observability = new ObservabilityStack(app, 'VestibuleObservability', {
    ...named('observability'),
    ...{ data, network, web, controlPlane, config, version, bundles },
  })
  tellOperator(data, {
    Stage: config.stage,
    Region: data.region,
    DirectoryTable: data.directoryTable.tableName,
    AgentsTable: data.agentsTable.tableName,
    AuditTable: data.auditTable.tableName,
    SessionKeysSecret: data.sessionKeysSecret.secretArn,
    OriginProofSecret: data.originProofSecret.secretArn,
    SupportCaKey: data.supportCa.keyArn,
    ArchiveBucket: data.archiveBucket.bucketName,
    AssetsBucket: data.assetsBucket.bucketName,
    ReleaseKey: data.releaseKey.keyArn,
  })
  tellOperator(web, {
    SiteOrigin: web.siteOrigin,
    SiteBucket: web.siteBucket.bucketName,
    OriginProofSlot: config.originProofSlot,
    ...(config.firstAdminEmail === undefined ? {} : { FirstAdminEmail: config.firstAdminEmail }),
  })
  return { edge, data, network, web, controlPlane, observability }
}

export type Stacks = ReturnType<typeof createStacks>
