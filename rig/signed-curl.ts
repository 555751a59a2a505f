import { EMBEDDED_PLACE } from '../local/aws/embedded-aws.ts'
import type { Machine } from './machine.ts'
import { INSTANCE_ROLE } from './metadata.ts'

/** POSIX sh: takes the machine's own credentials from the metadata service and signs one request with them. */
const SCRIPT = `
set -eu
service=$1; shift
metadata=http://169.254.169.254/latest
token=$(curl -sf -X PUT -H 'x-aws-ec2-metadata-token-ttl-seconds: 60' "$metadata/api/token")
given=$(curl -sf -H "x-aws-ec2-metadata-token: $token" "$metadata/meta-data/iam/security-credentials/${INSTANCE_ROLE}")
field() { printf %s "$given" | sed "s/.*\\"$1\\":\\"\\([^\\"]*\\)\\".*/\\1/"; }
exec curl -s --aws-sigv4 "aws:amz:${EMBEDDED_PLACE.region}:$service" --user "$(field AccessKeyId):$(field SecretAccessKey)" \\
  -H "x-amz-security-token: $(field Token)" "$@"
`

/** What AWS answers to a machine that asks with its own credentials, by curl, from inside. */
export const signedCurl = async (machine: Machine, service: string, words: readonly string[]): Promise<string> => {
  const { status, stdout, stderr } = await machine.inside(['sh', '-c', SCRIPT, 'sh', service, ...words])
  if (status !== 0) throw new Error(`curl ended with ${status}: ${stderr}`)
  return stdout
}

export const askForProof = (machine: Machine, audience: string, seconds = 300): Promise<string> =>
  signedCurl(machine, 'sts', [
    `https://sts.${EMBEDDED_PLACE.region}.amazonaws.com/`,
    ...['--data-urlencode', 'Action=GetWebIdentityToken', '--data-urlencode', 'Version=2011-06-15'],
    ...['--data-urlencode', `Audience.member.1=${audience}`, '--data-urlencode', 'SigningAlgorithm=ES384'],
    ...['--data-urlencode', `DurationSeconds=${seconds}`],
  ])

export const proofIn = (answer: string): string | null =>
  /<WebIdentityToken>([^<]+)<\/WebIdentityToken>/.exec(answer)?.[1] ?? null

export const askForSecret = (machine: Machine, secretId: string): Promise<string> =>
  signedCurl(machine, 'secretsmanager', [
    `https://secretsmanager.${EMBEDDED_PLACE.region}.amazonaws.com/`,
    ...['-H', 'content-type: application/x-amz-json-1.1', '-H', 'x-amz-target: secretsmanager.GetSecretValue'],
    ...['-d', JSON.stringify({ SecretId: secretId })],
  ])
