import * as ec2 from 'aws-cdk-lib/aws-ec2'
import type { Construct } from 'constructs'
import type { DeployConfig } from '../config.ts'

const SSH = ec2.Port.tcp(22)

/**
 * Four groups. Every agent is in the first, which nothing may enter. One whose tenant allows support is in the second too,
 * which only the support path may enter, on port 22. The support path itself may go nowhere else. An agent in quarantine is in
 * the fourth alone: nothing in, nothing out.
 */
export const createAgentSecurityGroups = (
  scope: Construct,
  vpc: ec2.IVpc,
  egressProfile: DeployConfig['egressProfile'],
): Record<'agent' | 'support' | 'supportPath' | 'quarantine', ec2.SecurityGroup> => {
  const agent = new ec2.SecurityGroup(scope, 'Agents', {
    vpc,
    description: 'Every agent: nothing comes in',
    allowAllOutbound: egressProfile === 'open',
  })
  if (egressProfile !== 'open') agent.addEgressRule(ec2.Peer.anyIpv4(), ec2.Port.tcp(443), 'HTTPS, to allowed names')
  const none = { vpc, allowAllOutbound: false }
  const support = new ec2.SecurityGroup(scope, 'Supported', {
    ...none,
    description: 'Agents whose tenants allow support: SSH from the support path alone',
  })
  const supportPath = new ec2.SecurityGroup(scope, 'SupportPathGroup', {
    ...none,
    description: 'The support path: SSH to supported agents and nowhere else',
  })
  // A group without a rule would get EC2's own, which lets everything out. The CDK's stands for none: it names an address and
  // a kind of ICMP that nobody answers (AWS CloudFormation, AWS::EC2::SecurityGroup).
  const quarantine = new ec2.SecurityGroup(scope, 'Quarantined', {
    ...none,
    description: 'Agents in quarantine: nothing in, nothing out',
  })
  support.addIngressRule(supportPath, SSH, 'SSH from the support path')
  supportPath.addEgressRule(support, SSH, 'SSH to supported agents')
  return { agent, support, supportPath, quarantine }
}
