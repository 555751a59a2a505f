import { App } from 'aws-cdk-lib'
import packageFile from '../package.json' with { type: 'json' }
import { readDeployConfig } from '../lib/config.ts'
import { attachNag } from '../lib/nag.ts'
import { ControlPlaneStack } from '../lib/stacks/control-plane.ts'
import { DataStack } from '../lib/stacks/data.ts'

const app = new App()
const { stage, siteOrigin, logRetentionDays } = readDeployConfig(app)
const data = new DataStack(app, 'VestibuleData', { stackName: `vestibule-${stage}-data` })
const controlPlane = new ControlPlaneStack(app, 'VestibuleControlPlane', {
  stackName: `vestibule-${stage}-control-plane`,
  ...{ data, stage, siteOrigin },
  version: packageFile.version,
  logRetention: logRetentionDays,
})
attachNag(app, { data, controlPlane })
