import type { Instructions } from '../contract/instance.ts'

/** Pure: no I/O, no clock. */

/** What a machine is told at its launch, beside what its agent is called: where the release lies and whose signature is good. */
export interface UserDataInput extends Instructions {
  /** Where the bucket of releases answers, such as `https://bucket.s3.eu-central-1.amazonaws.com`. */
  assetsOrigin: string
  /** The public key that releases are signed for: P-256, SPKI in DER, as base64 (RFC 5480). */
  releaseKey: string
}

/**
 * Ends with 0 when the folder holds exactly the release that was asked for: its list by digest and signature, each file by the
 * list, and nothing beside. Runs before every start of the supervisor and of the agent.
 */
const VERIFY = String.raw`#!/bin/sh
set -eu
. /etc/vestibule/release.env
folder=/opt/vestibule/$RELEASE
[ $# -eq 0 ] || folder=$1
cd "$folder"
refuse() { echo "vestibule: $1; nothing of this release is started" >&2; exit 1; }
[ "$(sha256sum < release.txt | cut -c 1-64)" = "$RELEASE" ] || refuse "the list is not that of release $RELEASE"
openssl dgst -sha256 -verify /etc/vestibule/release-key.pem -signature release.sig release.txt >/dev/null 2>&1 \
  || refuse "the signature is not good"
sed -n '/^[0-9a-f]\{64\}  /p' release.txt | sha256sum --check --strict --quiet || refuse "a file was changed"
listed=$(sed -n 's/^[0-9a-f]\{64\}  //p' release.txt | LC_ALL=C sort)
present=$(find . -mindepth 1 ! -type d ! -path ./release.txt ! -path ./release.sig | cut -c 3- | LC_ALL=C sort)
[ "$listed" = "$present" ] || refuse "a file was added"
`

/**
 * Every boot goes this way, the first and those after a stop. The role's credentials are good for the bucket of releases alone
 * here; they go to curl by its standard input, where no list of processes shows them.
 */
const BOOT = String.raw`#!/bin/sh
set -eu
umask 022
. /etc/vestibule/release.env
into=/opt/vestibule/$RELEASE

for unit in ssh.socket ssh.service sshd.socket sshd.service amazon-ssm-agent.service rpcbind.socket rpcbind.service; do
  systemctl mask --now "$unit" >/dev/null 2>&1 || true
done

rule="to 169.254.169.254 uidrange 1-4294967294 prohibit"
ip rule show | grep -qF "$rule" || ip rule add $rule

id vestibule-agent >/dev/null 2>&1 \
  || useradd --system --user-group --home-dir /var/lib/vestibule-agent --no-create-home --shell /usr/sbin/nologin vestibule-agent

metadata() {
  curl -fsS --noproxy '*' --max-time 5 -H "X-aws-ec2-metadata-token: $token" "http://169.254.169.254/latest/$1"
}
field() { printf '%s\n' "$credentials" | tr ',' '\n' | sed -n "s/.*\"$1\" *: *\"\([^\"]*\)\".*/\1/p"; }

if [ ! -f "$into/release.txt" ]; then
  token=$(curl -fsS --noproxy '*' --max-time 5 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 300' http://169.254.169.254/latest/api/token)
  role=$(metadata meta-data/iam/security-credentials/)
  credentials=$(metadata "meta-data/iam/security-credentials/$role")
  rm -rf /opt/vestibule/new
  mkdir -p /opt/vestibule/new
  for name in release.txt release.sig bundle.tar.gz; do
    curl --config - <<END
fail
silent
show-error
max-time = 600
url = "$ASSETS/agent/$RELEASE/$name"
output = "/opt/vestibule/new/$name"
aws-sigv4 = "aws:amz:$REGION:s3"
user = "$(field AccessKeyId):$(field SecretAccessKey)"
header = "x-amz-security-token: $(field Token)"
header = "x-amz-content-sha256: UNSIGNED-PAYLOAD"
END
  done
  cd /opt/vestibule/new
  digest=$(sha256sum < release.txt | cut -c 1-64)
  [ "$digest" = "$RELEASE" ] || { echo "vestibule: what lies in the bucket is not release $RELEASE" >&2; exit 1; }
  openssl dgst -sha256 -verify /etc/vestibule/release-key.pem -signature release.sig release.txt
  echo "$(sed -n 's/^bundle //p' release.txt)  bundle.tar.gz" | sha256sum --check --strict --quiet
  tar -xzf bundle.tar.gz --no-same-owner
  rm bundle.tar.gz
  /etc/vestibule/verify /opt/vestibule/new
  cd /
  rm -rf "$into"
  mv /opt/vestibule/new "$into"
fi

/etc/vestibule/verify
ln -sfn "$into" /opt/vestibule/current
for unit in "$into"/units/*; do
  ln -sfn "/opt/vestibule/current/units/$(basename "$unit")" "/etc/systemd/system/$(basename "$unit")"
done
systemctl daemon-reload
systemctl start --no-block vestibule-supervisor.service
`

/** Tries again until it is through: the role's credentials and the network may come a little later than the machine. */
const BOOT_UNIT = `[Unit]
Description=Vestibule: installs the release that this machine was launched with
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=0

[Service]
Type=oneshot
ExecStart=/etc/vestibule/boot
Restart=on-failure
RestartSec=10

[Install]
WantedBy=multi-user.target
`

/** systemd-networkd takes away routing rules that it did not make, unless it is told to leave them. */
const NETWORKD = `[Network]
ManageForeignRoutingPolicyRules=no
`

const PEM_COLUMNS = 64

const toPem = (base64: string): string =>
  [
    '-----BEGIN PUBLIC KEY-----',
    ...(base64.match(new RegExp(`.{1,${PEM_COLUMNS}}`, 'g')) ?? []),
    '-----END PUBLIC KEY-----',
    '',
  ].join('\n')

const file = (path: string, permissions: string, content: string): string[] => [
  `  - path: ${path}`,
  `    permissions: '${permissions}'`,
  '    content: |',
  ...content
    .trimEnd()
    .split('\n')
    .map((line) => (line === '' ? '' : `      ${line}`)),
]

/**
 * The instance's first instructions (cloud-init, "Cloud config"): ids, names, addresses and a public key. Nothing that a person
 * typed can reach it, and no secret: user data is readable by every process on the machine. The same for every agent but for
 * the ids; who may log in is not told here but by each heartbeat.
 */
export const renderUserData = ({ assetsOrigin, releaseKey, ...instructions }: UserDataInput): string =>
  [
    '#cloud-config',
    'locale: false',
    'write_files:',
    '  - path: /etc/vestibule/agent.json',
    "    permissions: '0644'",
    `    content: '${JSON.stringify(instructions)}'`,
    ...file(
      '/etc/vestibule/release.env',
      '0644',
      `RELEASE=${instructions.release}\nASSETS=${assetsOrigin}\nREGION=${instructions.region}`,
    ),
    ...file('/etc/vestibule/release-key.pem', '0644', toPem(releaseKey)),
    ...file('/etc/vestibule/verify', '0755', VERIFY),
    ...file('/etc/vestibule/boot', '0755', BOOT),
    ...file('/etc/systemd/system/vestibule-boot.service', '0644', BOOT_UNIT),
    ...file('/etc/systemd/networkd.conf.d/vestibule.conf', '0644', NETWORKD),
    'runcmd:',
    '  - [systemctl, daemon-reload]',
    '  - [systemctl, enable, --now, --no-block, vestibule-boot.service]',
    '',
  ].join('\n')
