import { Validations } from 'aws-cdk-lib'
import type { App, Stack } from 'aws-cdk-lib'
import { AwsSolutionsChecks } from 'cdk-nag'

interface Suppression {
  stack: Stack
  id: string
  reason: string
}

/** Attaches cdk-nag to the app, with every finding that we accept: which rule, where, why. Anything else fails the synth. */
export const attachNag = (app: App, stacks: { data: Stack; controlPlane: Stack }): void => {
  const accepted: Suppression[] = [
    {
      stack: stacks.data,
      id: 'AwsSolutions-SMG4',
      reason:
        'Session keys and the origin proof are rotated by the operator’s command with two live values; Secrets Manager cannot do that alone.',
    },
    {
      stack: stacks.data,
      id: 'AwsSolutions-S1',
      reason:
        'Provision requests hold ids, times and booleans; who wrote them is in CloudTrail and in the audit table.',
    },
    {
      stack: stacks.controlPlane,
      id: 'AwsSolutions-IAM5',
      reason:
        'Only the two named indexes of our own tables end in a path; no action and no foreign resource is a wildcard.',
    },
  ]
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app))
  for (const { stack, id, reason } of accepted) Validations.of(stack).acknowledge({ id, reason })
}
