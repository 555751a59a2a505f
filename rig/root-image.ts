import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { sha256Hex } from '../lambdas/core/digest.ts'
import { mustRun } from './program.ts'
import { RIG_DIRECTORY } from './place.ts'

/** What an image on EC2 has that matters here: systemd, cloud-init, an sshd that is on, curl and openssl. */
const PACKAGES = [
  'systemd-sysv',
  'dbus',
  'cloud-init',
  'openssh-server',
  'iproute2',
  'netbase',
  'sudo',
  'ca-certificates',
  'ifupdown',
  'curl',
  'openssl',
  'git',
  // Without it an sshd that allows X11 would still forward none.
  'xauth',
]
const SUITE = 'bookworm'

/** One datasource, and a network that is there before the machine is. */
const CLOUD_CONFIG = 'datasource_list: [NoCloud]\nnetwork: {config: disabled}\n'

const IMAGE = /^image-[0-9a-f]{12}/

/** Builds the machines' root file system, once for each list of packages. Takes about 50 seconds and 350 MB. */
export const ensureRootImage = async (note: (line: string) => void): Promise<string> => {
  const stamp = sha256Hex(JSON.stringify([SUITE, PACKAGES, CLOUD_CONFIG])).slice(0, 12)
  const image = join(RIG_DIRECTORY, `image-${stamp}`)
  if (existsSync(image)) return image
  for (const name of readdirSync(RIG_DIRECTORY).filter((one) => IMAGE.test(one)))
    rmSync(join(RIG_DIRECTORY, name), { recursive: true, force: true })
  note(`building the root file system in ${image} (once, about a minute)`)
  const draft = `${image}.building`
  await mustRun(
    ['mmdebstrap', '--quiet', '--variant=minbase', '--mode=root', `--include=${PACKAGES.join(',')}`, SUITE, draft],
    {
      timeoutSeconds: 900,
    },
  )
  mkdirSync(join(draft, 'etc/cloud/cloud.cfg.d'), { recursive: true })
  writeFileSync(join(draft, 'etc/cloud/cloud.cfg.d/99-rig.cfg'), CLOUD_CONFIG)
  renameSync(draft, image)
  return image
}
