import { join } from 'node:path'
import { startLoop } from '../local/loop.ts'
import { createLogger } from '../lambdas/core/logger.ts'
import { createCertificate } from './certificates.ts'
import { frontHosts, serveFront } from './front.ts'
import { openHouse } from './house.ts'
import { createHypervisor } from './hypervisor.ts'
import { instanceStatements, serveAwsToMachines } from './instance-aws.ts'
import { createCredentialIssuer } from './instance-credentials.ts'
import { serveMetadata } from './metadata.ts'
import { MACHINES_DIRECTORY, SITE_ORIGIN } from './place.ts'
import type { Report } from './report.ts'
import { createRunLayer } from './run-layer.ts'

export const ASSETS_BUCKET = 'vestibule-assets'

/** Everything between the product and the machines, running. */
export const openRig = async (image: string, report: Report) => {
  const hosts = frontHosts(ASSETS_BUCKET)
  const certificate = await createCertificate(join(MACHINES_DIRECTORY, 'authority'), hosts)
  const layers = await createRunLayer(image, certificate.authority, hosts)
  const house = await openHouse()
  const credentials = createCredentialIssuer()
  const machineAws = await serveAwsToMachines({
    aws: house.aws,
    statements: instanceStatements(SITE_ORIGIN),
    credentials,
  })
  const front = await serveFront({ certificate, app: house.product.app, awsUrl: machineAws.url, credentials })
  const hypervisor = createHypervisor({ aws: house.aws, layers })
  const metadata = await serveMetadata({ machineAt: hypervisor.factsAt, credentials })
  const stopFollowing = startLoop('hypervisor', 200, hypervisor.follow, createLogger())

  return {
    report,
    house,
    hypervisor,
    credentials,
    denials: machineAws.denials,
    disbelieved: front.disbelieved,
    close: async (): Promise<void> => {
      await stopFollowing()
      await hypervisor.close()
      await Promise.all([metadata.close(), front.close()])
      await machineAws.close()
      await house.close()
    },
  }
}

export type Rig = Awaited<ReturnType<typeof openRig>>
