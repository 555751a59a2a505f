import { join } from 'node:path'
import { startLoop } from '../local/loop.ts'
import { createLogger } from '../lambdas/core/logger.ts'
import { startStandInSlack } from '../test/support/stand-in-slack.ts'
import { createCertificate } from './certificates.ts'
import { frontHosts, serveFront } from './front.ts'
import { openHouse } from './house.ts'
import { createHypervisor } from './hypervisor.ts'
import { instanceStatements, serveAwsToMachines } from './instance-aws.ts'
import { createCredentialIssuer } from './instance-credentials.ts'
import { serveMetadata } from './metadata.ts'
import { MACHINES_DIRECTORY, SITE_ORIGIN } from './place.ts'
import { ASSETS_BUCKET } from './release.ts'
import type { Report } from './report.ts'
import { createRunLayer } from './run-layer.ts'

const SLACK_HOST = 'slack.com'
const SLACK_SOCKET_HOST = 'wss-primary.slack.com'

/** Everything between the product and the machines, running. */
export const openRig = async (image: string, report: Report) => {
  const slack = await startStandInSlack(`wss://${SLACK_SOCKET_HOST}`)
  const others = new Map([SLACK_HOST, SLACK_SOCKET_HOST].map((host) => [host, new URL(slack.apiUrl)]))
  const hosts = [...frontHosts(ASSETS_BUCKET), ...others.keys()]
  const certificate = await createCertificate(join(MACHINES_DIRECTORY, 'authority'), hosts)
  const layers = await createRunLayer(image, certificate.authority, hosts)
  const house = await openHouse(join(MACHINES_DIRECTORY, 'release'))
  const credentials = createCredentialIssuer()
  const machineAws = await serveAwsToMachines({
    aws: house.aws,
    statements: instanceStatements(SITE_ORIGIN, ASSETS_BUCKET),
    credentials,
  })
  const front = await serveFront({
    ...{ certificate, credentials, others },
    app: house.product.app,
    awsUrl: machineAws.url,
  })
  const hypervisor = createHypervisor({ aws: house.aws, layers })
  const metadata = await serveMetadata({ machineAt: hypervisor.factsAt, credentials })
  const stopFollowing = startLoop('hypervisor', 200, hypervisor.follow, createLogger())

  return {
    report,
    house,
    slack,
    hypervisor,
    credentials,
    denials: machineAws.denials,
    disbelieved: front.disbelieved,
    close: async (): Promise<void> => {
      await stopFollowing()
      await hypervisor.close()
      await Promise.all([metadata.close(), front.close()])
      slack.stop()
      await machineAws.close()
      await house.close()
    },
  }
}

export type Rig = Awaited<ReturnType<typeof openRig>>
