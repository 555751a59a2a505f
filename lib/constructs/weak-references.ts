import { createHash } from 'node:crypto'
import { CfnOutput, type Stack } from 'aws-cdk-lib'
import type { Bundles } from '../bundles.ts'

/**
 * Lets a stack read what others output at each deploy instead of importing it (AWS CloudFormation, "Fn::GetStackOutput"). An
 * import would forbid the other stack to change or drop the value: a name for the site, the break-glass role, a queue. In
 * return the stack must be updated with every release, which the output that is added here sees to.
 */
export const readOutputsAtDeploy = (
  stack: Stack,
  release: { version: string; bundles: Bundles; config: object },
): void => {
  stack.node.setContext('@aws-cdk/core:defaultCrossStackReferences', 'weak')
  const { version, bundles, config } = release
  const sizes = Object.values(bundles).map(({ eager, lazy }) => [eager, lazy])
  const hash = createHash('sha256')
    .update(JSON.stringify([version, config, sizes]))
    .digest('hex')
  new CfnOutput(stack, 'Release', { value: `${version} ${hash.slice(0, 12)}` })
}
