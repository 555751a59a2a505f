import { expect, it } from 'vitest'
import { createHarness, CREDENTIALS } from '../support/harness.ts'
import { findViolationsAtRest } from './world.ts'

const withAgent = async () => {
  const house = await createHarness()
  const admin = await house.joinAsAdmin()
  const ana = await house.join(admin, 'ana@example.com')
  await house.invite(admin, { email: 'bob@example.com' })
  await ana.post('/api/tokens', { name: 'laptop' })
  const body = { name: 'A', credentials: { claudeCodeToken: CREDENTIALS.claudeCodeToken } }
  const { id } = (await ana.post('/api/agents', body)).body.agent
  await house.settle()
  await ana.patch(`/api/agents/${id}/credentials`, { githubToken: CREDENTIALS.githubToken })
  await house.sendMail()
  return house
}

/** Changes done behind the product's back: what a row says then was never told, or what was told is not so. */
const TAMPERED = [
  ['I-01', "UPDATE ddb_item SET item = replace(item, 'acc_', 'acd_') WHERE sk = 'INVITE'"],
  ['I-02', "DELETE FROM ddb_item WHERE sk = 'ACCOUNT' AND item LIKE '%ana@%'"],
  ['I-04', "UPDATE ddb_item SET item = replace(item, 'ten_', 'tem_') WHERE sk = 'ACCOUNT'"],
  ['I-06', `UPDATE ddb_item SET item = replace(item, 'laptop', '${CREDENTIALS.githubToken}') WHERE sk LIKE 'TOKEN#%'`],
  ['I-11', "DELETE FROM sm_secret WHERE name LIKE 'vestibule/local/tenant/%'"],
  ['I-13', `UPDATE s3_object SET body = CAST('{"note":"x"}' AS BLOB) WHERE key LIKE 'requests/%'`],
  ['I-14', `UPDATE ddb_item SET item = replace(item, '"ready"', '"deleted"') WHERE tbl = 'vestibule-agents'`],
  [
    'I-15',
    `INSERT INTO ec2_instance (id, token, zone, parameters, state, type, subnet, groups, tags, user_data, launched, guest)
     SELECT 'i-two', NULL, zone, parameters, state, type, subnet, groups, tags, user_data, launched, guest FROM ec2_instance`,
  ],
  ['I-18', `UPDATE ddb_item SET item = replace(item, '"ready"', '"booting"') WHERE tbl = 'vestibule-agents'`],
  ['I-18', "INSERT INTO sqs_message (id, queue, body, visible_at, receives) VALUES ('m', 'q', '{}', 0, 0)"],
  ['I-12', `UPDATE ddb_item SET item = replace(item, '"active"', '"suspended"') WHERE sk = 'TENANT'`],
  [
    'I-21',
    "UPDATE ddb_item SET item = replace(item, 'true', 'false') WHERE tbl = 'vestibule-agents' AND sk LIKE 'AGENT#%'",
  ],
  ['I-21', `UPDATE ddb_item SET item = replace(item, '"booting"', '"stopped"') WHERE tbl = 'vestibule-agents'`],
  ['I-21', `UPDATE ddb_item SET item = replace(item, '"pending"', '"revoked"') WHERE sk = 'INVITE'`],
  ['I-21', `UPDATE ddb_item SET item = replace(item, '"active"', '"suspended"') WHERE sk = 'TENANT'`],
  ['I-21', "DELETE FROM ddb_item WHERE sk LIKE 'TOKEN#%'"],
  ['I-21', "DELETE FROM ddb_item WHERE tbl = 'vestibule-audit' AND item LIKE '%agent.credentials_changed%'"],
  ['I-22', "DELETE FROM ddb_item WHERE tbl = 'vestibule-audit' AND item LIKE '%agent.ready%'"],
  ['I-12', "UPDATE ec2_instance SET state = 'stopped'"],
  ['I-16', "UPDATE ec2_instance SET id = 'i-other'"],
  ['I-17', 'DELETE FROM kms_alias'],
  ['I-19', `UPDATE ec2_instance SET groups = '["sg-agent"]'`],
] as const

it('the oracle finds nothing wrong with what the product did', async () => {
  expect(await findViolationsAtRest((await withAgent()).aws, Object.values(CREDENTIALS))).toEqual([])
})

it.each(TAMPERED)('the oracle says %s after: %s', async (invariant, statement) => {
  const { aws } = await withAgent()
  expect(aws.database.run(statement)).toBeGreaterThan(0)
  const found = await findViolationsAtRest(aws, Object.values(CREDENTIALS))
  expect(found.filter((violation) => violation.startsWith(invariant))).not.toEqual([])
})
