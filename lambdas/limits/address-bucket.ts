import { isIP } from 'node:net'

/** Pure: no I/O, no clock. */

const expandIpv6 = (address: string): number[] => {
  const canonical = new URL(`http://[${address}]/`).hostname.slice(1, -1)
  const [head = '', tail] = canonical.split('::')
  const groupsOf = (text: string): number[] =>
    text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16))
  const left = groupsOf(head)
  const right = groupsOf(tail ?? '')
  return [...left, ...Array.from({ length: 8 - left.length - right.length }, () => 0), ...right]
}

/**
 * The bucket that one client address counts in: an IPv4 address itself, also when written as mapped IPv6; the /64 of an
 * IPv6 address, because one customer owns all of it. What is no address at all shares one bucket.
 */
export const addressBucket = (address: string): string => {
  const bare = address.split('%')[0] ?? ''
  const family = isIP(bare)
  if (family === 4) return bare
  if (family === 0) return 'unknown'
  const groups = expandIpv6(bare)
  const [high = 0, low = 0] = groups.slice(6)
  const isMapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff
  return isMapped
    ? [high >> 8, high & 255, low >> 8, low & 255].join('.')
    : `${groups
        .slice(0, 4)
        .map((group) => group.toString(16))
        .join(':')}::/64`
}
