import { Duration } from 'aws-cdk-lib'
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch'
import * as actions from 'aws-cdk-lib/aws-cloudwatch-actions'
import * as events from 'aws-cdk-lib/aws-events'
import * as targets from 'aws-cdk-lib/aws-events-targets'
import * as logs from 'aws-cdk-lib/aws-logs'
import type * as sns from 'aws-cdk-lib/aws-sns'
import type * as sqs from 'aws-cdk-lib/aws-sqs'
import type { Construct } from 'constructs'

const FIVE_MINUTES = Duration.minutes(5)

/** What may go wrong, by the heading in docs/runbook.md that says what to do then. A test compares both lists. */
export type RunbookHeading =
  | 'dead-letters'
  | 'stuck-agents'
  | 'reconciler-silent'
  | 'quarantine'
  | 'strays'
  | 'mail-failing'
  | 'archive-differs'
  | 'archive-behind'
  | 'sign-in-abuse'
  | 'server-errors'
  | 'function-throttled'
  | 'unexpected-secret-reader'
  | 'key-deletion'
  | 'break-glass-used'

interface AlarmProps {
  heading: RunbookHeading
  says: string
  metric: cloudwatch.IMetric
  threshold: number
  /** How many periods in a row; one unless said otherwise. */
  periods?: number
  whenMissing?: cloudwatch.TreatMissingData
  comparison?: cloudwatch.ComparisonOperator
}

/** Makes alarms that tell one topic, each with the place in the runbook that says what to do. */
export class Alarms {
  readonly made: cloudwatch.Alarm[] = []
  readonly #scope: Construct
  readonly #topic: sns.ITopic
  readonly #untold: sqs.IQueue
  readonly #namespace: string

  constructor(scope: Construct, given: { topic: sns.ITopic; untold: sqs.IQueue; stage: string }) {
    this.#scope = scope
    this.#topic = given.topic
    this.#untold = given.untold
    // With the stage: two stages of one region must not trip each other's alarms.
    this.#namespace = `Vestibule/${given.stage}`
  }

  add(id: string, props: AlarmProps): void {
    const alarm = new cloudwatch.Alarm(this.#scope, id, {
      alarmDescription: `${props.says} What to do: docs/runbook.md#${props.heading}`,
      metric: props.metric,
      threshold: props.threshold,
      evaluationPeriods: props.periods ?? 1,
      comparisonOperator: props.comparison ?? cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      treatMissingData: props.whenMissing ?? cloudwatch.TreatMissingData.NOT_BREACHING,
    })
    alarm.addAlarmAction(new actions.SnsAction(this.#topic))
    this.made.push(alarm)
  }

  /** How many log lines of one kind a function writes. */
  countLines(id: string, logGroup: logs.ILogGroup, pattern: logs.IFilterPattern): cloudwatch.Metric {
    new logs.MetricFilter(this.#scope, id, {
      logGroup,
      metricNamespace: this.#namespace,
      metricName: id,
      filterPattern: pattern,
      metricValue: '1',
    })
    return new cloudwatch.Metric({ namespace: this.#namespace, metricName: id, statistic: 'Sum', period: FIVE_MINUTES })
  }

  /** How often a rule hears of what CloudTrail saw somebody do; it tells the topic itself too, for metrics are best effort. */
  countEvents(id: string, pattern: events.EventPattern, says: string): cloudwatch.Metric {
    const rule = new events.Rule(this.#scope, id, { eventPattern: pattern, description: says })
    rule.addTarget(
      new targets.SnsTopic(this.#topic, {
        message: events.RuleTargetInput.fromText(
          `${says} See docs/runbook.md and CloudTrail, event ${events.EventField.fromPath('$.detail.eventID')}.`,
        ),
        deadLetterQueue: this.#untold,
      }),
    )
    const resource = rule.node.defaultChild
    if (!(resource instanceof events.CfnRule))
      throw new Error('the rule has no CloudFormation resource; check the CDK version')
    // Reading a secret is a read: the default state would not hear of it.
    resource.state = 'ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS'
    return new cloudwatch.Metric({
      namespace: 'AWS/Events',
      metricName: 'TriggeredRules',
      dimensionsMap: { RuleName: rule.ruleName },
      statistic: 'Sum',
      period: FIVE_MINUTES,
    })
  }
}
