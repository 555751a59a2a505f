import { mkdirSync } from 'node:fs'
import { DescribeInstancesCommand, type Instance } from '@aws-sdk/client-ec2'
import type { EmbeddedAws } from '../local/aws/embedded-aws.ts'
import { createMachine, type Machine } from './machine.ts'
import type { MachineFacts } from './metadata.ts'
import { applyRules, connect, disconnect, type Reach } from './network.ts'
import { MACHINES_DIRECTORY } from './place.ts'

const SWITCHED_ON = ['running']
const SWITCHED_OFF = ['stopping', 'stopped']
const GONE = ['shutting-down', 'terminated']

/** What each security group of the embedded account lets through (lib/constructs/agent-security-groups.ts). */
const GROUPS: Record<string, Reach> = {
  'sg-agent': { out: true, support: false },
  'sg-support': { out: false, support: true },
  'sg-quarantine': { out: false, support: false },
}

const reachOf = ({ SecurityGroups = [] }: Instance): Reach => {
  const groups = SecurityGroups.map(({ GroupId = '' }) => {
    const group = GROUPS[GroupId]
    if (group === undefined) throw new Error(`the rig does not know the security group ${GroupId}; teach it`)
    return group
  })
  return { out: groups.some(({ out }) => out), support: groups.some(({ support }) => support) }
}

/**
 * Plays what runs instances: follows the embedded EC2's records, switches machines on and off as they say, and lets through
 * what their security groups let through. Machines are made from `layers` and the user data of their launch.
 */
export const createHypervisor = (input: { aws: EmbeddedAws; layers: readonly string[] }) => {
  const { aws, layers } = input
  const { ec2 } = aws.createClients()
  const machines = new Map<string, Machine>()
  const busy = new Map<string, Promise<void>>()
  const failures: string[] = []
  let linkCount = 0
  let rulesApplied = ''

  const describe = async (): Promise<Instance[]> => {
    const { Reservations = [] } = await ec2.send(new DescribeInstancesCommand({}))
    return Reservations.flatMap(({ Instances = [] }) => Instances)
  }

  const switchOn = async (id: string): Promise<void> => {
    const userData = aws.machines.listRunning().find((one) => one.id === id)?.userData
    if (userData === undefined) return
    let machine = machines.get(id)
    if (machine === undefined) {
      linkCount += 1
      machine = await createMachine({ id, link: await connect(linkCount), layers, userData })
      machines.set(id, machine)
      await followGroups(await describe())
    }
    await machine.boot()
  }

  const destroy = async (id: string, machine: Machine): Promise<void> => {
    machines.delete(id)
    await machine.destroy()
    await disconnect(machine.link)
  }

  /** What is to be done to a machine now, or null. */
  const nextStep = ({ InstanceId: id = '', State }: Instance): (() => Promise<void>) | null => {
    const state = State?.Name ?? ''
    const machine = machines.get(id)
    if (SWITCHED_ON.includes(state) && machine?.isRunning() !== true) return () => switchOn(id)
    if (SWITCHED_OFF.includes(state) && machine?.isRunning() === true) return () => machine.shutDown()
    return GONE.includes(state) && machine !== undefined ? () => destroy(id, machine) : null
  }

  const followGroups = async (instances: readonly Instance[]): Promise<void> => {
    const rules = instances.flatMap((instance) => {
      const machine = machines.get(instance.InstanceId ?? '')
      return machine === undefined ? [] : [{ link: machine.link, reach: reachOf(instance) }]
    })
    const wanted = JSON.stringify(rules)
    if (wanted === rulesApplied) return
    await applyRules(rules)
    rulesApplied = wanted
  }

  return {
    /** One look at the records. What takes long goes on by itself: a machine has one thing done to it at a time. */
    follow: async (): Promise<void> => {
      mkdirSync(MACHINES_DIRECTORY, { recursive: true, mode: 0o700 })
      const instances = await describe()
      await followGroups(instances)
      for (const instance of instances) {
        const id = instance.InstanceId ?? ''
        const step = busy.has(id) ? null : nextStep(instance)
        if (step === null) continue
        const done = step()
          .catch((error: unknown) => void failures.push(`${id}: ${error instanceof Error ? error.message : error}`))
          .finally(() => busy.delete(id))
        busy.set(id, done)
      }
    },
    machine: (id: string): Machine => {
      const machine = machines.get(id)
      if (machine === undefined) throw new Error(`there is no machine ${id}`)
      return machine
    },
    listIds: (): string[] => [...machines.keys()],
    /** Whom the metadata service talks to, by the address that asks. */
    factsAt: async (address: string): Promise<MachineFacts | null> => {
      const machine = [...machines.values()].find(({ link }) => link.address === address)
      if (machine === undefined) return null
      const instance = (await describe()).find(({ InstanceId }) => InstanceId === machine.id)
      return {
        instanceId: machine.id,
        address,
        zone: instance?.Placement?.AvailabilityZone ?? '',
        userData: aws.machines.listRunning().find(({ id }) => id === machine.id)?.userData ?? '',
      }
    },
    /** What went wrong while machines were switched on and off. */
    failures,
    close: async (): Promise<void> => {
      await Promise.all(busy.values())
      for (const [id, machine] of machines) await destroy(id, machine)
    },
  }
}

export type Hypervisor = ReturnType<typeof createHypervisor>
