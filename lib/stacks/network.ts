import { RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib'
import * as ec2 from 'aws-cdk-lib/aws-ec2'
import * as iam from 'aws-cdk-lib/aws-iam'
import * as logs from 'aws-cdk-lib/aws-logs'
import type { Construct } from 'constructs'
import { AGENT_VOLUME_GIGABYTES } from '../../lambdas/contract/facts.ts'
import type { DeployConfig } from '../config.ts'
import { createAgentSecurityGroups } from '../constructs/agent-security-groups.ts'
import { addAllowList } from '../constructs/allow-list.ts'
import { addEndpoints } from '../constructs/endpoints.ts'
import type { DataStack } from './data.ts'

/** Two zones: a launch that finds no room in one goes to the other. */
const ZONES = 2
/** Below the ranges that people use at home and in offices. */
const ADDRESSES = '10.117.0.0/16'

export interface NetworkProps extends StackProps {
  data: DataStack
  config: DeployConfig
}

/** Where agents live: nothing leads in, and what leads out is the profile's choice. */
export class NetworkStack extends Stack {
  readonly vpc: ec2.Vpc
  readonly subnetIds: string[]
  readonly agentSecurityGroupId: string
  readonly supportSecurityGroupId: string
  readonly quarantineSecurityGroupId: string
  readonly instanceRole: iam.Role
  readonly instanceRoleArn: string
  readonly instanceProfileArn: string
  readonly launchTemplateId: string

  constructor(scope: Construct, id: string, { data, config, ...props }: NetworkProps) {
    super(scope, id, props)
    const isPrivate = config.egressProfile === 'private'
    this.vpc = new ec2.Vpc(this, 'Vpc', {
      ipAddresses: ec2.IpAddresses.cidr(ADDRESSES),
      maxAzs: ZONES,
      natGateways: isPrivate ? 1 : 0,
      subnetConfiguration: isPrivate
        ? [
            { name: 'gateway', subnetType: ec2.SubnetType.PUBLIC, cidrMask: 26, mapPublicIpOnLaunch: false },
            { name: 'agents', subnetType: ec2.SubnetType.PRIVATE_WITH_EGRESS, cidrMask: 20 },
          ]
        : [{ name: 'agents', subnetType: ec2.SubnetType.PUBLIC, cidrMask: 20 }],
      restrictDefaultSecurityGroup: false,
    })
    const subnets = this.vpc.selectSubnets({ subnetGroupName: 'agents' })
    this.subnetIds = subnets.subnetIds
    this.addFlowLog(data, config)
    const groups = createAgentSecurityGroups(this, this.vpc, config.egressProfile)
    this.agentSecurityGroupId = groups.agent.securityGroupId
    this.supportSecurityGroupId = groups.support.securityGroupId
    this.quarantineSecurityGroupId = groups.quarantine.securityGroupId
    // EC2 Instance Connect Endpoint: one per VPC, 20 sessions at a time, no charge.
    new ec2.CfnInstanceConnectEndpoint(this, 'SupportPath', {
      subnetId: subnets.subnetIds[0] ?? '',
      securityGroupIds: [groups.supportPath.securityGroupId],
      preserveClientIp: false,
    })
    addEndpoints(this, this.vpc, {
      ...{ isPrivate, stage: config.stage, agents: groups.agent },
      assets: data.assetsBucket,
    })
    if (config.egressProfile !== 'open') addAllowList(this, this.vpc, config)

    this.instanceRole = new iam.Role(this, 'InstanceRole', { assumedBy: new iam.ServicePrincipal('ec2.amazonaws.com') })
    this.instanceRoleArn = this.instanceRole.roleArn
    const profile = new iam.CfnInstanceProfile(this, 'InstanceProfile', { roles: [this.instanceRole.roleName] })
    this.instanceProfileArn = profile.attrArn
    this.launchTemplateId = this.createLaunchTemplate(profile, config).ref
  }

  /** What was refused, by address and port; what was let through is the tenant's own business. */
  private addFlowLog(data: DataStack, { logRetentionDays }: DeployConfig): void {
    const logGroup = new logs.LogGroup(this, 'RefusedTraffic', {
      retention: logRetentionDays,
      encryptionKey: data.key,
      removalPolicy: RemovalPolicy.RETAIN,
    })
    const role = new iam.Role(this, 'RefusedTrafficRole', {
      assumedBy: new iam.ServicePrincipal('vpc-flow-logs.amazonaws.com'),
    })
    role.addToPolicy(
      new iam.PolicyStatement({
        actions: ['logs:CreateLogStream', 'logs:PutLogEvents', 'logs:DescribeLogStreams'],
        resources: [logGroup.logGroupArn],
      }),
    )
    new ec2.CfnFlowLog(this, 'RefusedTrafficFlow', {
      resourceType: 'VPC',
      resourceId: this.vpc.vpcId,
      trafficType: 'REJECT',
      logDestinationType: 'cloud-watch-logs',
      logGroupName: logGroup.logGroupName,
      deliverLogsPermissionArn: role.roleArn,
    })
  }

  /** No key pair, no older metadata protocol, one hop; each launch adds its volume under the tenant's own key. */
  private createLaunchTemplate(profile: iam.CfnInstanceProfile, config: DeployConfig): ec2.CfnLaunchTemplate {
    return new ec2.CfnLaunchTemplate(this, 'LaunchTemplate', {
      launchTemplateData: {
        instanceType: config.instanceType,
        iamInstanceProfile: { arn: profile.attrArn },
        metadataOptions: {
          httpTokens: 'required',
          httpPutResponseHopLimit: 1,
          httpEndpoint: 'enabled',
          instanceMetadataTags: 'disabled',
        },
        blockDeviceMappings: [
          {
            deviceName: '/dev/xvda',
            ebs: { encrypted: true, volumeType: 'gp3', volumeSize: AGENT_VOLUME_GIGABYTES, deleteOnTermination: true },
          },
        ],
        monitoring: { enabled: false },
        instanceInitiatedShutdownBehavior: 'stop',
      },
    })
  }
}
