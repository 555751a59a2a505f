import assert from 'node:assert/strict'
import { ModifyInstanceAttributeCommand, RunInstancesCommand, TerminateInstancesCommand } from '@aws-sdk/client-ec2'
import { CreateKeyCommand } from '@aws-sdk/client-kms'
import { CreateSecretCommand, TagResourceCommand } from '@aws-sdk/client-secrets-manager'
import { decodeJwt } from 'jose'
import { AgentId, TenantId } from '../../lambdas/contract/ids.ts'
import { proofAudience } from '../../lambdas/contract/instance.ts'
import { agentSecretName } from '../../lambdas/contract/names.ts'
import { TAGS } from '../../lambdas/contract/tags.ts'
import { EMBEDDED_PLACE } from '../../local/aws/embedded-aws.ts'
import { LOCAL_STAGE } from '../../local/installation.ts'
import { connectsFrom, connectsTo, listen } from '../connections.ts'
import { eventually } from '../eventually.ts'
import { instanceArnOf } from '../instance-aws.ts'
import type { Machine } from '../machine.ts'
import { ADDRESSES, SITE_HOST, SITE_ORIGIN } from '../place.ts'
import type { Rig } from '../rig.ts'
import { askForProof, askForSecret, proofIn } from '../signed-curl.ts'

/** Whether the rig itself is what it says it is: on machines that run nothing of ours. */

const AUDIENCE = proofAudience(SITE_ORIGIN)
const SECRET_VALUE = 'a value that only one machine may read'

const USER_DATA = `#cloud-config
locale: false
runcmd:
  - curl -s -o /root/site https://${SITE_HOST}/api/openapi.json -w '%{http_code}' > /root/site-status
`

const launchBare = async ({ house, hypervisor }: Rig, group: string): Promise<Machine> => {
  const { ec2 } = house.aws.createClients()
  const { Instances: [instance] = [] } = await ec2.send(
    new RunInstancesCommand({
      ...{ MinCount: 1, MaxCount: 1, ImageId: 'ami-embedded', InstanceType: 't4g.small', SubnetId: 'subnet-a' },
      LaunchTemplate: { LaunchTemplateId: 'lt-embedded', Version: '$Default' },
      SecurityGroupIds: group === 'sg-agent' ? [group] : ['sg-agent', group],
      UserData: Buffer.from(USER_DATA).toString('base64'),
      BlockDeviceMappings: [
        {
          DeviceName: '/dev/xvda',
          Ebs: { Encrypted: true, KmsKeyId: 'k', VolumeType: 'gp3', VolumeSize: 8, DeleteOnTermination: true },
        },
      ],
      MetadataOptions: { HttpTokens: 'required', HttpPutResponseHopLimit: 1, HttpEndpoint: 'enabled' },
      TagSpecifications: [],
    }),
  )
  const id = instance?.InstanceId ?? ''
  return eventually(`${id} is up`, 30, async () => {
    const machine = hypervisor.machine(id)
    const { stdout } = await machine.inside(['cloud-init', 'status'])
    return stdout.includes('done') ? machine : null
  })
}

const metadata = async (machine: Machine, words: readonly string[]): Promise<string> =>
  (await machine.inside(['curl', '-s', '-m', '3', '-w', '\n%{http_code}', ...words])).stdout

const checkMetadata = async ({ report }: Rig, machine: Machine): Promise<void> => {
  const id = 'http://169.254.169.254/latest/meta-data/instance-id'
  const token = 'http://169.254.169.254/latest/api/token'
  const ttl = ['-H', 'x-aws-ec2-metadata-token-ttl-seconds: 60']
  await report.check('the metadata service answers only who took a token, and takes no token by GET', async () => {
    assert.equal(await metadata(machine, [id]), '\n401')
    assert.equal(await metadata(machine, [...ttl, token]), '\n405')
    const [given = ''] = (await metadata(machine, ['-X', 'PUT', ...ttl, token])).split('\n')
    assert.equal(await metadata(machine, ['-H', `x-aws-ec2-metadata-token: ${given}`, id]), `${machine.id}\n200`)
  })
}

const checkAws = async ({ report, house, credentials }: Rig, machine: Machine, other: Machine): Promise<void> => {
  await report.check(
    'curl --aws-sigv4 with the machine’s credentials gets a token that names the machine',
    async () => {
      const proof = proofIn(await askForProof(machine, AUDIENCE))
      const claims = decodeJwt(proof ?? '')
      assert.equal(claims.sub, instanceArnOf(machine.id))
      assert.equal(claims.aud?.toString(), AUDIENCE)
    },
  )
  await report.check('the role gives no token for another audience', async () => {
    assert.match(await askForProof(machine, 'somebody else'), /<Code>AccessDenied<\/Code>/)
  })
  await report.check('a request that is signed with a wrong key is not believed', async () => {
    const { accessKeyId, sessionToken } = credentials.for(machine.id)
    const { stdout } = await machine.inside([
      ...['curl', '-s', '--aws-sigv4', `aws:amz:${EMBEDDED_PLACE.region}:sts`, '--user', `${accessKeyId}:wrong`],
      ...['-H', `x-amz-security-token: ${sessionToken}`, '-d', 'Action=GetWebIdentityToken'],
      `https://sts.${EMBEDDED_PLACE.region}.amazonaws.com/`,
    ])
    assert.match(stdout, /<Code>SignatureDoesNotMatch<\/Code>/)
  })
  const agentId = AgentId.parse(`agt_${'1'.repeat(26)}`)
  const name = agentSecretName(LOCAL_STAGE, TenantId.parse(`ten_${'0'.repeat(26)}`), agentId)
  const { secrets, kms } = house.product.clients
  const { KeyMetadata } = await kms.send(new CreateKeyCommand({}))
  await secrets.send(
    new CreateSecretCommand({ Name: name, SecretString: SECRET_VALUE, KmsKeyId: KeyMetadata?.Arn ?? '' }),
  )
  await report.check('a machine reads a secret once its tag names it, and another machine never', async () => {
    assert.match(await askForSecret(machine, name), /AccessDeniedException/)
    const Tags = [{ Key: TAGS.instanceArn, Value: instanceArnOf(machine.id) }]
    await secrets.send(new TagResourceCommand({ SecretId: name, Tags }))
    assert.ok((await askForSecret(machine, name)).includes(SECRET_VALUE))
    assert.match(await askForSecret(other, name), /AccessDeniedException/)
  })
}

const checkNetwork = async ({ report, house }: Rig, supported: Machine, plain: Machine): Promise<void> => {
  const doors = [
    [ADDRESSES.front, 22],
    [ADDRESSES.front, 80],
    [ADDRESSES.elsewhere, 443],
  ] as const
  const close = await Promise.all(doors.map(([address, port]) => listen(address, port)))
  await report.check('a machine gets out by HTTPS to the front, and by nothing else', async () => {
    assert.equal(await connectsFrom(plain, ADDRESSES.front, 443), true)
    for (const [address, port] of doors) {
      assert.equal(await connectsTo(address, port, ADDRESSES.front), true, `${address}:${port} is there`)
      assert.equal(await connectsFrom(plain, address, port), false, `${address}:${port}`)
    }
    assert.equal(await connectsFrom(plain, supported.link.address, 22), false, 'another machine')
  })
  await Promise.all(close.map((one) => one()))
  await report.check('SSH comes in from the support path alone, and only with the group for it', async () => {
    assert.equal(await connectsTo(supported.link.address, 22, ADDRESSES.supportPath), true)
    assert.equal(await connectsTo(supported.link.address, 22, ADDRESSES.elsewhere), false)
    assert.equal(await connectsTo(plain.link.address, 22, ADDRESSES.supportPath), false)
  })
  const { ec2 } = house.aws.createClients()
  const follow = async (Groups: string[], isOpen: boolean): Promise<void> => {
    await ec2.send(new ModifyInstanceAttributeCommand({ InstanceId: plain.id, Groups }))
    await eventually('the rules follow', 3, async () => (await connectsFrom(plain, ADDRESSES.front, 443)) === isOpen)
  }
  await report.check('the rules follow the groups: quarantine lets nothing through, and can be lifted', async () => {
    await follow(['sg-quarantine'], false)
    await follow(['sg-agent', 'sg-support'], true)
    assert.equal(await connectsTo(plain.link.address, 22, ADDRESSES.supportPath), true)
  })
}

export const surroundings = async (rig: Rig): Promise<void> => {
  const { report, house } = rig
  report.chapter('What surrounds the machines')
  const [supported, plain] = await Promise.all([launchBare(rig, 'sg-support'), launchBare(rig, 'sg-agent')])
  report.note(
    `two bare machines ran their user data ${Math.round(performance.now() - plain.bootedAt)} ms after being switched on`,
  )
  await report.check(
    'cloud-init ran the user data from the one datasource, and HTTPS to the site works by name',
    async () => {
      const { stdout } = await plain.inside(['sh', '-c', 'cat /root/site-status; cloud-init query platform'])
      assert.match(stdout, /^200/)
      assert.match(stdout, /nocloud/)
    },
  )
  await checkMetadata(rig, plain)
  await checkAws(rig, plain, supported)
  await checkNetwork(rig, supported, plain)
  const ids = [supported.id, plain.id]
  await house.aws.createClients().ec2.send(new TerminateInstancesCommand({ InstanceIds: ids }))
  await report.check('a machine that is terminated is gone, disk and all', () =>
    eventually('both are gone', 10, async () => ids.every((id) => !rig.hypervisor.listIds().includes(id))),
  )
}
