import { writeFileSync } from 'node:fs'
import { mustRun } from './program.ts'
import { ADDRESSES } from './place.ts'

/** What a machine's security groups come to (Amazon EC2 user guide, "Security groups"). */
export interface Reach {
  /** HTTPS out. */
  out: boolean
  /** SSH in, from the support path. */
  support: boolean
}

export interface Link {
  /** The number of the machine's network: 10.77.N.0/30. */
  number: number
  namespace: string
  /** The outer end of its cable, as the rules know it. */
  outer: string
  address: string
}

const MAX_LINKS = 250

/** The outside of the machines: no way to the world, its own loopback, and the addresses that are served or come from here. */
export const openOutside = async (): Promise<void> => {
  await mustRun(['ip', 'link', 'set', 'lo', 'up'])
  for (const address of Object.values(ADDRESSES)) await mustRun(['ip', 'addr', 'add', `${address}/32`, 'dev', 'lo'])
  // Routed, so that what keeps machines apart is the rules and not the want of a way.
  writeFileSync('/proc/sys/net/ipv4/ip_forward', '1')
}

/** A network namespace for one machine, and a cable to it. */
export const connect = async (number: number): Promise<Link> => {
  if (number > MAX_LINKS) throw new Error(`no more than ${MAX_LINKS} machines in one run`)
  const link = { number, namespace: `m${number}`, outer: `cable${number}`, address: `10.77.${number}.2` }
  const inside = ['ip', '-n', link.namespace]
  await mustRun(['ip', 'netns', 'add', link.namespace])
  const offIpv6 = 'echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6'
  await mustRun(['ip', 'netns', 'exec', link.namespace, 'sh', '-c', offIpv6])
  await mustRun([
    ...['ip', 'link', 'add', link.outer, 'type', 'veth'],
    ...['peer', 'name', 'ens5', 'netns', link.namespace],
  ])
  await mustRun(['ip', 'addr', 'add', `10.77.${number}.1/30`, 'dev', link.outer])
  await mustRun(['ip', 'link', 'set', link.outer, 'up'])
  await mustRun([...inside, 'addr', 'add', `${link.address}/30`, 'dev', 'ens5'])
  await mustRun([...inside, 'link', 'set', 'lo', 'up'])
  await mustRun([...inside, 'link', 'set', 'ens5', 'up'])
  await mustRun([...inside, 'route', 'add', 'default', 'via', `10.77.${number}.1`])
  return link
}

export const disconnect = async ({ namespace }: Link): Promise<void> => {
  await mustRun(['ip', 'netns', 'del', namespace])
}

const rulesFor = ({ link, reach }: { link: Link; reach: Reach }): { input: string[]; output: string[] } => {
  const from = `iifname "${link.outer}" ip saddr ${link.address}`
  return {
    input: [
      // Security groups have no say over the metadata service (Amazon EC2 user guide, "Security group rules").
      `${from} ip daddr ${ADDRESSES.metadata} tcp dport 80 accept`,
      ...(reach.out ? [`${from} ip daddr ${ADDRESSES.front} tcp dport 443 accept`] : []),
    ],
    output: reach.support
      ? [`oifname "${link.outer}" ip saddr ${ADDRESSES.supportPath} ip daddr ${link.address} tcp dport 22 accept`]
      : [],
  }
}

/**
 * Lets through what the machines' security groups let through and nothing else. Connections that are open stay open, as on EC2
 * ("Security group connection tracking"); answers of the metadata service travel one hop.
 */
export const applyRules = async (machines: readonly { link: Link; reach: Reach }[]): Promise<void> => {
  const rules = machines.map(rulesFor)
  const text = [
    'table inet rig',
    'delete table inet rig',
    'table inet rig {',
    '  chain input {',
    '    type filter hook input priority 0; policy accept;',
    '    iifname != "cable*" accept',
    '    ct state established,related accept',
    ...rules.flatMap(({ input }) => input.map((rule) => `    ${rule}`)),
    '    drop',
    '  }',
    '  chain output {',
    '    type filter hook output priority 0; policy accept;',
    '    oifname != "cable*" accept',
    `    ip saddr ${ADDRESSES.metadata} ip ttl set 1`,
    '    ct state established,related accept',
    ...rules.flatMap(({ output }) => output.map((rule) => `    ${rule}`)),
    '    drop',
    '  }',
    '  chain forward { type filter hook forward priority 0; policy drop; }',
    '}',
    '',
  ]
  await mustRun(['nft', '-f', '-'], { input: text.join('\n') })
}
