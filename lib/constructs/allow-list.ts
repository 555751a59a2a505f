import { Stack } from 'aws-cdk-lib'
import type * as ec2 from 'aws-cdk-lib/aws-ec2'
import * as resolver from 'aws-cdk-lib/aws-route53resolver'
import type { Construct } from 'constructs'
import type { DeployConfig } from '../config.ts'

/**
 * Names that agents may look up; every other name does not exist for them (Amazon Route 53 developer guide, "DNS Firewall").
 * Together with a group that lets out HTTPS alone. It filters names, not addresses: what dials an address it was told is not
 * stopped, which docs/threat-model.md says too.
 */
export const addAllowList = (scope: Construct, vpc: ec2.IVpc, config: DeployConfig): void => {
  const { region } = Stack.of(scope)
  const ownSite = config.domainName === undefined ? ['*.cloudfront.net'] : [config.domainName]
  const allowed = new resolver.CfnFirewallDomainList(scope, 'AllowedNames', {
    domains: [...config.allowedDomains, ...ownSite, `*.${region}.amazonaws.com`],
  })
  const everything = new resolver.CfnFirewallDomainList(scope, 'EveryName', { domains: ['*'] })
  const rules = new resolver.CfnFirewallRuleGroup(scope, 'NameRules', {
    firewallRules: [
      // Where an allowed name leads is for its owner to say: else every name on the way would have to be listed.
      {
        priority: 100,
        action: 'ALLOW',
        firewallDomainListId: allowed.attrId,
        firewallDomainRedirectionAction: 'TRUST_REDIRECTION_DOMAIN',
      },
      { priority: 200, action: 'BLOCK', blockResponse: 'NXDOMAIN', firewallDomainListId: everything.attrId },
    ],
  })
  new resolver.CfnFirewallRuleGroupAssociation(scope, 'NameRulesInUse', {
    firewallRuleGroupId: rules.attrId,
    vpcId: vpc.vpcId,
    priority: 101,
    name: `vestibule-${config.stage}`,
  })
}
