import { Annotations, Duration, Fn, RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib'
import type * as apigateway from 'aws-cdk-lib/aws-apigatewayv2'
import * as acm from 'aws-cdk-lib/aws-certificatemanager'
import * as cloudfront from 'aws-cdk-lib/aws-cloudfront'
import * as origins from 'aws-cdk-lib/aws-cloudfront-origins'
import * as iam from 'aws-cdk-lib/aws-iam'
import * as s3 from 'aws-cdk-lib/aws-s3'
import type { Construct } from 'constructs'
import { ORIGIN_PROOF_HEADER, PAGE_HEADERS } from '../../lambdas/contract/site.ts'
import type { DeployConfig } from '../config.ts'
import { createApiFront } from '../constructs/api-front.ts'
import { notFoundStatusCode, pageOfPathCode, viewerAddressCode } from '../edge-functions.ts'
import type { DataStack } from './data.ts'
import { EDGE_REGION, FIREWALL_OUTPUT } from './edge.ts'

export interface WebProps extends StackProps {
  data: DataStack
  config: DeployConfig
  edgeStackName: string
}

/**
 * One origin for site and API: strict cookies, no CORS. The API's front door stands here and not with the functions, because
 * the functions must know the site's address and the site the API's.
 */
export class WebStack extends Stack {
  readonly api: apigateway.HttpApi
  readonly siteBucket: s3.Bucket
  readonly distribution: cloudfront.Distribution
  readonly siteOrigin: string

  constructor(scope: Construct, id: string, { data, config, edgeStackName, ...props }: WebProps) {
    super(scope, id, props)
    this.api = createApiFront(this, 'Api', data.key, config.logRetentionDays)
    this.siteBucket = new s3.Bucket(this, 'Site', {
      encryption: s3.BucketEncryption.KMS,
      encryptionKey: data.key,
      bucketKeyEnabled: true,
      enforceSSL: true,
      minimumTLSVersion: 1.2,
      versioned: true,
      lifecycleRules: [{ noncurrentVersionExpiration: Duration.days(30) }],
      blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL,
      objectOwnership: s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
      removalPolicy: RemovalPolicy.RETAIN,
    })
    this.distribution = this.createDistribution(data, config, edgeStackName)
    this.letEdgeRead()
    Annotations.of(this.distribution).acknowledgeWarning(
      '@aws-cdk/aws-cloudfront-origins:updateImportedBucketPolicyOac',
      'letEdgeRead says it',
    )
    this.siteOrigin = `https://${config.domainName ?? this.distribution.distributionDomainName}`
  }

  /** Said here and not by the CDK, which would tie the data stack's key to this distribution. */
  private letEdgeRead(): void {
    this.siteBucket.addToResourcePolicy(
      new iam.PolicyStatement({
        principals: [new iam.ServicePrincipal('cloudfront.amazonaws.com')],
        actions: ['s3:GetObject'],
        resources: [this.siteBucket.arnForObjects('*')],
        conditions: { StringEquals: { 'aws:SourceArn': this.distribution.distributionArn } },
      }),
    )
  }

  private createFunction(id: string, code: string): cloudfront.Function {
    return new cloudfront.Function(this, id, {
      code: cloudfront.FunctionCode.fromInline(code),
      runtime: cloudfront.FunctionRuntime.JS_2_0,
    })
  }

  private createDistribution(data: DataStack, config: DeployConfig, edgeStackName: string): cloudfront.Distribution {
    const headers = this.createHeaders()
    const toApi = this.createFunction('ViewerAddress', viewerAddressCode())
    const toPage = this.createFunction('PageOfPath', pageOfPathCode())
    const fromPage = this.createFunction('NotFoundStatus', notFoundStatusCode())
    const proof = data.originProofSecret.secretValueFromJson(config.originProofSlot).unsafeUnwrap()
    return new cloudfront.Distribution(this, 'Distribution', {
      comment: `Vestibule ${config.stage}`,
      webAclId: Fn.getStackOutput(edgeStackName, FIREWALL_OUTPUT, EDGE_REGION),
      httpVersion: cloudfront.HttpVersion.HTTP2_AND_3,
      priceClass: cloudfront.PriceClass.PRICE_CLASS_100,
      ...(config.domainName === undefined || config.certificateArn === undefined
        ? {}
        : {
            domainNames: [config.domainName],
            minimumProtocolVersion: cloudfront.SecurityPolicyProtocol.TLS_V1_2_2021,
            certificate: acm.Certificate.fromCertificateArn(this, 'Certificate', config.certificateArn),
          }),
      defaultBehavior: {
        origin: origins.S3BucketOrigin.withOriginAccessControl(
          s3.Bucket.fromBucketAttributes(this, 'SiteFiles', {
            bucketArn: this.siteBucket.bucketArn,
            bucketRegionalDomainName: this.siteBucket.bucketRegionalDomainName,
          }),
        ),
        viewerProtocolPolicy: cloudfront.ViewerProtocolPolicy.REDIRECT_TO_HTTPS,
        allowedMethods: cloudfront.AllowedMethods.ALLOW_GET_HEAD,
        cachePolicy: cloudfront.CachePolicy.CACHING_OPTIMIZED,
        responseHeadersPolicy: headers,
        compress: true,
        functionAssociations: [
          { function: toPage, eventType: cloudfront.FunctionEventType.VIEWER_REQUEST },
          { function: fromPage, eventType: cloudfront.FunctionEventType.VIEWER_RESPONSE },
        ],
      },
      additionalBehaviors: {
        '/api/*': {
          origin: new origins.HttpOrigin(Fn.select(2, Fn.split('/', this.api.apiEndpoint)), {
            protocolPolicy: cloudfront.OriginProtocolPolicy.HTTPS_ONLY,
            originSslProtocols: [cloudfront.OriginSslPolicy.TLS_V1_2],
            customHeaders: { [ORIGIN_PROOF_HEADER]: proof },
          }),
          viewerProtocolPolicy: cloudfront.ViewerProtocolPolicy.HTTPS_ONLY,
          allowedMethods: cloudfront.AllowedMethods.ALLOW_ALL,
          cachePolicy: cloudfront.CachePolicy.CACHING_DISABLED,
          originRequestPolicy: cloudfront.OriginRequestPolicy.ALL_VIEWER_EXCEPT_HOST_HEADER,
          responseHeadersPolicy: headers,
          functionAssociations: [{ function: toApi, eventType: cloudfront.FunctionEventType.VIEWER_REQUEST }],
        },
      },
    })
  }

  /** CloudFront adds these to every answer, its own errors among them. */
  private createHeaders(): cloudfront.ResponseHeadersPolicy {
    const custom = ['cross-origin-opener-policy', 'cross-origin-resource-policy', 'permissions-policy']
    return new cloudfront.ResponseHeadersPolicy(this, 'Headers', {
      securityHeadersBehavior: {
        strictTransportSecurity: {
          accessControlMaxAge: Duration.days(730),
          includeSubdomains: true,
          override: true,
        },
        contentSecurityPolicy: { contentSecurityPolicy: PAGE_HEADERS['content-security-policy'] ?? '', override: true },
        contentTypeOptions: { override: true },
        referrerPolicy: { referrerPolicy: cloudfront.HeadersReferrerPolicy.NO_REFERRER, override: true },
        frameOptions: { frameOption: cloudfront.HeadersFrameOption.DENY, override: true },
      },
      customHeadersBehavior: {
        customHeaders: custom.map((header) => ({ header, value: PAGE_HEADERS[header] ?? '', override: true })),
      },
    })
  }
}
