import { fromEnv } from '@aws-sdk/credential-provider-env'

/**
 * Stands in for the SDK's default credential chain in the bundles: a Lambda function has its role's credentials in its
 * environment (AWS Lambda developer guide, "Defined runtime environment variables") and nowhere else.
 */
export const defaultProvider = () => fromEnv()
