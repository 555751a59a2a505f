import { CfnOutput, Stack, type StackProps } from 'aws-cdk-lib'
import * as wafv2 from 'aws-cdk-lib/aws-wafv2'
import type { Construct } from 'constructs'

/** CloudFront takes its firewall from this region, wherever the rest lives (AWS WAF developer guide, "CLOUDFRONT scope"). */
export const EDGE_REGION = 'us-east-1'
export const FIREWALL_OUTPUT = 'FirewallArn'

/** Requests of one address in five minutes. The product's own limits are far below; this keeps floods from costing money. */
const REQUESTS_PER_ADDRESS = 2_000

const COMMON_RULES = 'AWSManagedRulesCommonRuleSet'
const MANAGED_RULES = ['AWSManagedRulesAmazonIpReputationList', 'AWSManagedRulesKnownBadInputsRuleSet', COMMON_RULES]

/**
 * Rules of the common set that look into bodies: only counted. A passphrase may hold `../` or `<script`, and five credentials
 * are longer than 8 KB; what the API takes it checks itself, and puts into no page, shell or path.
 */
const ABOUT_BODIES = [
  'SizeRestrictions_BODY',
  'CrossSiteScripting_BODY',
  'GenericLFI_BODY',
  'GenericRFI_BODY',
  'EC2MetaDataSSRF_BODY',
]

const metrics = (metricName: string): wafv2.CfnWebACL.VisibilityConfigProperty => ({
  metricName,
  cloudWatchMetricsEnabled: true,
  // Samples would keep whole requests, bodies and cookies among them.
  sampledRequestsEnabled: false,
})

/** The firewall in front of the site and the API. */
export class EdgeStack extends Stack {
  constructor(scope: Construct, id: string, props: StackProps) {
    super(scope, id, props)
    const firewall = new wafv2.CfnWebACL(this, 'Firewall', {
      scope: 'CLOUDFRONT',
      defaultAction: { allow: {} },
      visibilityConfig: metrics('firewall'),
      rules: [
        {
          name: 'rate',
          priority: 0,
          action: { block: {} },
          statement: {
            rateBasedStatement: {
              limit: REQUESTS_PER_ADDRESS,
              aggregateKeyType: 'IP',
              // Machines behind one address call in twice a minute each; the API counts them itself.
              scopeDownStatement: {
                notStatement: {
                  statement: {
                    byteMatchStatement: {
                      fieldToMatch: { uriPath: {} },
                      positionalConstraint: 'STARTS_WITH',
                      searchString: '/api/agent/',
                      textTransformations: [{ priority: 0, type: 'NONE' }],
                    },
                  },
                },
              },
            },
          },
          visibilityConfig: metrics('rate'),
        },
        ...MANAGED_RULES.map((name, index) => ({
          name,
          priority: index + 1,
          overrideAction: { none: {} },
          statement: {
            managedRuleGroupStatement: {
              vendorName: 'AWS',
              name,
              ruleActionOverrides:
                name === COMMON_RULES
                  ? ABOUT_BODIES.map((rule) => ({ name: rule, actionToUse: { count: {} } }))
                  : undefined,
            },
          },
          visibilityConfig: metrics(name),
        })),
      ],
    })
    new CfnOutput(this, FIREWALL_OUTPUT, { value: firewall.attrArn })
  }
}
