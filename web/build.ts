export const buildSite = async (): Promise<void> => {}
