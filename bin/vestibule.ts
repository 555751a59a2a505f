import { App } from 'aws-cdk-lib'
import packageFile from '../package.json' with { type: 'json' }
import { bundleFunctions } from '../lib/bundles.ts'
import { readDeployConfig } from '../lib/config.ts'
import { attachNag } from '../lib/nag.ts'
import { createStacks } from '../lib/vestibule.ts'

const app = new App()
attachNag(app, createStacks(app, readDeployConfig(app), packageFile.version, await bundleFunctions()))
