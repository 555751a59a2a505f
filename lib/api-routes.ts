import type { FunctionName } from '../lambdas/contract/env.ts'

/**
 * The gateway's routes to one function, from the table of operations: for each first part of a path that is wholly this
 * function's, the part itself and all below it; `identity` gets the rest, so that an unknown path is answered by us.
 */
export const routesOf = (
  operations: Readonly<Record<string, { servedBy: string }>>,
  functionName: FunctionName,
): [routeId: string, path: string][] => {
  if (functionName === 'identity') return [['Rest', '/api/{proxy+}']]
  const paths = Object.entries(operations).map(([name, { servedBy }]) => ({ path: name.split(' ')[1] ?? '', servedBy }))
  const own = paths.filter(({ servedBy }) => servedBy === functionName)
  const heads = [...new Set(own.map(({ path }) => headOf(path, paths, functionName)))]
  return heads.flatMap((head) => {
    const routeId = head
      .split('/')
      .map((part) => part.replaceAll(/\W/g, '').replace(/^./, (letter) => letter.toUpperCase()))
      .join('')
    const exact: [string, string] = [routeId, head]
    const below: [string, string] = [`${routeId}Below`, `${head}/{proxy+}`]
    if (/\}\/[^/]+$/.test(head)) return [exact]
    return own.some(({ path }) => path.startsWith(`${head}/`)) ? [exact, below] : [exact]
  })
}

/** The shortest part of a path below which nothing belongs to another function. */
const headOf = (
  path: string,
  all: readonly { path: string; servedBy: string }[],
  functionName: FunctionName,
): string => {
  const parts = path.split('/')
  for (let length = 3; length < parts.length; length += 1) {
    const head = parts.slice(0, length).join('/')
    const below = all.filter((other) => other.path === head || other.path.startsWith(`${head}/`))
    if (below.every(({ servedBy }) => servedBy === functionName) && !head.endsWith('}')) return head
  }
  return path
}
